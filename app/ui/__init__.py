"""What any page is made of; no page in it."""
