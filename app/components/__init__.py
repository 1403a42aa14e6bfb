"""Widgets that Gradio doesn't have: subclasses of `gr.HTML`, each with its script in `app/static/js`."""
