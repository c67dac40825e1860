"""A profile that takes a second or less for one layer."""

from conformance.generate.phases import Profile

TINY = Profile("tiny", 2, 2, 12, 60, "for tests")
