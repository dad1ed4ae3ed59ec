"""The pages of data quality, below ``/a/<slug>/quality/``."""
