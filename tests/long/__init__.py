"""Jobs of many slices, and of many children, on the real service: python -m tests.long"""
