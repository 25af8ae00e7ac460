"""How long to train a point to walk?"""

from tests.studies.small_study import Config, plan

__all__ = ["Config", "plan"]
