#!/bin/bash
# The step of action.yml: runs `firstfix check`, shows the answer in the job's summary, and keeps it for a comment. All
# that comes from the pull request comes through the environment and is only ever a word of its own.
set -u
answer=${RUNNER_TEMP:?}/firstfix-answer.md
what=()
[ -z "${IMAGE:-}" ] || what+=(--image "$IMAGE")
[ -z "${REQUIREMENTS:-}" ] || what+=(--requirements "$REQUIREMENTS")
[ -z "${GPU:-}" ] || what+=(--gpu "$GPU")
[ -z "${DRIVER:-}" ] || what+=(--driver "$DRIVER")
"${FIRSTFIX:-firstfix}" check --markdown "${what[@]}" --output "$answer"
code=$?
if [ -f "$answer" ]; then cat "$answer" >>"${GITHUB_STEP_SUMMARY:?}"; fi
{
    echo "answer=$answer"
    echo "code=$code"
} >>"${GITHUB_OUTPUT:?}"
[ "${FAIL:-true}" = true ] || exit 0
exit "$code"
