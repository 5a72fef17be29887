"""The way in: password, second factor, identity provider; and what a browser may load."""
