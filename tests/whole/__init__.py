"""The whole house on loopback, with clients and peers that others wrote."""
