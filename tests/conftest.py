"""What all tests share: examples have no deadline, as machines are shared and slow at times."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
