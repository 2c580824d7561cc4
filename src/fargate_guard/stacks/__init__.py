"""CloudFormation stacks of our own: a deployment's template, and what CloudFormation says, as plain models."""
