"""The one edge to AWS: boto3 sessions, a few calls per service, errors that say what to do.

Nothing outside this package imports boto3. Functions return AWS's own shapes (``dict``) or small frozen
dataclasses.
"""
