"""The Home page: how far the person is, the machine, the projects, the phone."""
