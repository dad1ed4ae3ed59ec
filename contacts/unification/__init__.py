"""The switch between standard and unified mode: what it would change, and the jobs that join people and give them back."""
