"""How durable this Redis is, in its own words."""

from redis import Redis


def persistence(redis: Redis) -> str:
    said = redis.config_get("appendfsync")["appendfsync"]
    if redis.info("persistence")["aof_enabled"] != 1:
        raise RuntimeError("not durable: this Redis keeps no append-only file")
    return f"appendfsync={said}"
