"""CloudFormation as AWS runs it: asynchronous, with rollback, change sets, macros and drift."""
