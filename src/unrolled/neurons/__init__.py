"""What single neurons do, in numbers."""
