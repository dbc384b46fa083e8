"""What all tests share: examples have no deadline, as machines are shared and slow at times."""

from hypothesis import Phase, settings

settings.register_profile("shared", deadline=None)
settings.register_profile("unshrunk", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("shared")
