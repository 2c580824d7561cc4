"""A stack's template where CloudFormation reads it: in the request, or in a bucket, from which it goes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.aws import cloudformation
from fargate_guard.aws.errors import AwsError

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context


def template_argument(context: Context, name: str, body: str) -> dict[str, str]:
    """Return the argument that gives CloudFormation a template; a large one is uploaded for it.

    :raises PreflightError: when the configured bucket is not there.
    """
    from fargate_guard.aws import template_bucket

    if len(body.encode()) <= cloudformation.LARGEST_BODY:
        return {"TemplateBody": body}
    bucket = context.config.cloudformation.template_bucket
    if bucket is not None:
        template_bucket.require_bucket(context.aws, bucket)
    else:
        bucket = template_bucket.own_bucket_name(context.aws)
        if not template_bucket.own_bucket_exists(context.aws):
            context.observer.note(
                f"the template is larger than {cloudformation.LARGEST_BODY:,} bytes: making the bucket {bucket}"
                " for it (private, encrypted; removed with the deployment); cloudformation.template_bucket names"
                " another"
            )
        template_bucket.make_own_bucket(context.aws, context.config.tags)
    context.observer.note(f"uploaded the template to s3://{bucket}/{name}/")
    return {"TemplateURL": template_bucket.upload_template(context.aws, bucket, name, body)}


def remove_uploads(context: Context, name: str) -> None:
    """Remove what was uploaded for a stack, and fguard's own bucket when nothing else is in it.

    What S3 refuses is told, and does not stop anything.
    """
    from fargate_guard.aws import template_bucket

    own = template_bucket.own_bucket_name(context.aws)
    configured = context.config.cloudformation.template_bucket
    for bucket in dict.fromkeys([configured or own, own]):
        try:
            _remove(context, bucket, f"{name}/")
        except AwsError as error:
            context.observer.note(f"uploaded templates were not looked for in {bucket}: {error.message}")


def take_upload_back(context: Context, bucket: str, key: str) -> None:
    """Remove what this run uploaded, and fguard's own bucket when nothing else is in it.

    What S3 refuses is told with the way to remove it by hand, and hides no error that led here.

    :param key: of a file, or how the keys of all of them begin.
    """
    try:
        _remove(context, bucket, key)
    except AwsError as error:
        context.observer.warning(
            f"{error.message}: {error.why}\nwhat was uploaded may be left: aws s3 rm --recursive s3://{bucket}/{key}"
        )


def _remove(context: Context, bucket: str, key: str) -> None:
    """Remove files, and the bucket where it is fguard's own and empty then; what S3 keeps is told."""
    from fargate_guard.aws import template_bucket

    removed = template_bucket.remove_files(context.aws, bucket, key)
    if removed.count:
        context.observer.note(f"removed {removed.count} uploaded files")
    if removed.refused:
        context.observer.warning(
            f"S3 kept {len(removed.refused)} uploaded files in {bucket}: {removed.refused[0]}"
        )
        return
    own = bucket == template_bucket.own_bucket_name(context.aws)
    if own and removed.count and template_bucket.remove_own_bucket_if_empty(context.aws):
        context.observer.note("removed the bucket for templates: it was empty")
