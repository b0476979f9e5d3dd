"""Bare flask-restx behind Zappa's own handler, with the settings that `zappa package` writes."""

import sys
from types import ModuleType

SETTINGS = {
    "APP_MODULE": "bench.bare",
    "APP_FUNCTION": "restx",
    "EXCEPTION_HANDLER": None,
    "DEBUG": False,
    "LOG_LEVEL": "WARNING",
    "BINARY_SUPPORT": True,
    "CONTEXT_HEADER_MAPPINGS": {},
    "DOMAIN": None,
    "BASE_PATH": None,
    "ENVIRONMENT_VARIABLES": {},
    "API_STAGE": "dev",
    "PROJECT_NAME": "bench",
    "SETTINGS_FILE": None,
    "DJANGO_SETTINGS": None,
    "AWS_EVENT_MAPPING": {},
    "AWS_BOT_EVENT_MAPPING": {},
    "COGNITO_TRIGGER_MAPPING": {},
    "ASYNC_RESPONSE_TABLE": "",
    "ADDITIONAL_TEXT_MIMETYPES": [],
}

settings = ModuleType("zappa_settings")
vars(settings).update(SETTINGS)
sys.modules["zappa_settings"] = settings

from zappa.handler import lambda_handler as handle  # noqa: E402 - it reads the settings

__all__ = ["handle"]
