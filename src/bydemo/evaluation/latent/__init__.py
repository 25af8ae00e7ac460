"""What a representation holds, judged without any downstream task.

Every file works on plain arrays: where a representation puts each step of some episodes, and what
is known of these steps. None knows a model class. Intervals resample episodes, never steps.
"""
