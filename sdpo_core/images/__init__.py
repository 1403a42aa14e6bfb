"""Image files that nobody vouches for: decoded, hashed, and what they carry beside their pixels."""
