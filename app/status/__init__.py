"""The bar above all pages."""
