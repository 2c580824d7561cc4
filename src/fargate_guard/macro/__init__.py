"""The CloudFormation macro: the core as a Lambda function, so that pipelines need not run fguard.

Only the standard library, the core, and what of ``images/`` needs nothing else; boto3 (which every Python runtime
of Lambda has) is imported for ECR and Secrets Manager only, when an image of theirs is to be looked up.
"""
