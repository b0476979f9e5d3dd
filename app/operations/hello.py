from app import operation


@operation("hello", http="GET /hello/<name>", examples=[{"name": "Ada"}])
def hello(name: str) -> str:
    """Say hello."""
    return f"Hello, {name}!"
