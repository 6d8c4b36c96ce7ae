"""What each problem means and what to do about it: the pages that a problem's `type` leads to."""

from collections.abc import Mapping
from typing import Final

from consentkit.formats import REJECTIONS

EXPLANATIONS: Final[Mapping[str, tuple[str, str]]] = {
    "not-found": (
        "There is no such thing, or it is somebody else's: the two are never told apart.",
        "Check the address and whose key you sent.",
    ),
    "collection-unclear": (
        "The registry holds several collections, and the request names none.",
        "Name one in `collection`.",
    ),
    "log-in-doubt": (
        (
            "The registry cannot show that its log is whole and signed. Until it can, nothing reads as permitted, and "
            "grants, snapshots and deltas wait. Withdrawals are taken as ever."
        ),
        "Try again after the time in Retry-After. Operators: the detail says what is wrong.",
    ),
    "note-malformed": (
        "What was shown is neither a checkpoint of a log nor the close of a feed.",
        "Send the note exactly as the registry sent it, with its last line break.",
    ),
    "note-unsigned": (
        "The key of this registry's log did not sign what was shown.",
        "Check whose registry it is from.",
    ),
    "fingerprints-in-doubt": (
        "The libraries that fingerprint images do not give the results they gave before, so no grant is taken.",
        "Operators: install the locked versions again.",
    ),
    "notice-not-current": (
        "The notice you named is not the one in force.",
        "Read `GET /api/v1/notices/current`, show it to the person, and grant again.",
    ),
    "collection-not-public": (
        "Only those with a key read this collection's list: so people were told when they agreed.",
        "Ask for a key, or publish another collection.",
    ),
    "collection-has-images": (
        "The people in its images agreed when only those with a key read its list.",
        "Make a collection public before the first image comes.",
    ),
    "no-notice": ("The collection has not published a notice, so nothing can be agreed to.", "Try again later."),
    "image-revoked": (
        "The registry or an authority took back the permission for this image.",
        "Only a steward can change that: write to the contact in the notice.",
    ),
    "image-rejected": ("The picture could not be read, so there is nothing to permit.", "Submit a better copy."),
    "not-depicted": (
        "Only the person shown can permit the use of a picture. Whoever brought it can take it back.",
        "Ask the person shown.",
    ),
    "shown-differs": (
        "What the page showed is not what would have been recorded: another window, another picture, a new notice.",
        "Look at the last page again, and allow it if it is what you want.",
    ),
    "statement-dismissed": (
        "A steward looked at the picture and found that it does not show what you said.",
        "Write to the contact in the notice if that is wrong.",
    ),
    "statement-looser": (
        "You brought the same picture before and said more about who is shown.",
        "Correct it on the picture's page, or with PATCH.",
    ),
    "derivation-circle": (
        "The picture that you name as a source was itself made from this one.",
        "Name the picture that came first.",
    ),
    "subjects-unclear": (
        "A picture is taken only with a statement of who is shown in it.",
        "Say `self`, `unknown`, `nobody` (alone), or the address of each other person.",
    ),
    "nothing-to-grant": ("`all` found no image that you could grant.", "Submit a picture of yourself first."),
    "idempotency-mismatch": (
        "The same Idempotency-Key came before with another request.",
        "Use a fresh key for each request, and repeat only the same one.",
    ),
    "time-invalid": (
        "The time is not RFC 3339 with a zone, lies in the past, or is beyond the notice's term.",
        "Send something like 2027-01-31T12:00:00Z, or leave it out.",
    ),
    "scope-not-offered": (
        "The notice does not offer this purpose to this audience.",
        "Choose from the notice's `purposes` and `audiences`.",
    ),
    "collections-mixed": (
        "A grant is given under one notice, and these images belong to several collections.",
        "Grant them one collection at a time.",
    ),
    "case-closed": ("The case was decided before.", "Open it to read the outcome."),
    "case-not-searched": (
        "A worker still looks for copies of the picture that came with the request.",
        "Wait until the page says that it has looked, then decide.",
    ),
    "case-grew": ("The search for copies found more after the page was shown.", "Open the case and look at them too."),
    "move-refused": ("This has already ended, so it cannot end again.", "Nothing is left to do."),
    "version-unknown": (
        "The fingerprints are of a version that this registry does not search; the detail names those it does.",
        "Compute them again with a `consentkit` that makes such a version.",
    ),
    "fingerprint-malformed": (
        "A picture's views are not what their version makes; `position` counts from 0. It must not read as a stranger.",
        "Let `consentkit match` compute them: up to six views of 33 bytes, in JSON as lower-case hex.",
    ),
    "version-in-use": (
        "Fingerprints of this version are those that the registry makes, so they cannot be forgotten.",
        "Forget an older version, once nobody asks with it.",
    ),
    "outcome-unknown": (
        "A notification is answered with one of a few words, and this is none of them.",
        "Send `deleted`, `excluded`, `retrained`, `exempt` or `not_found`.",
    ),
    "already-answered": (
        "The notification was answered before, with another outcome. An answer stands in the log and does not change.",
        "Nothing is left to do; write to the contact in the notice if the first answer was wrong.",
    ),
    "statement-malformed": (
        "The statement is not a signed note about this registry in its one form; the detail says what is wrong.",
        "Let `consentkit attest` make it, with CONSENTKIT_LOG_KEY of this registry.",
    ),
    "statement-unsigned": (
        "The statement was not signed by the key that it names, or was altered since.",
        "Let `consentkit attest` sign it anew.",
    ),
    "size-ahead": (
        "The statement names a size of the log that does not exist yet, as after a restored backup.",
        "Sync, filter and attest again.",
    ),
    "size-too-old": (
        "What was filtered at that size was good for 7 days, and they are over.",
        "Sync and filter again, train on that, and attest it.",
    ),
    "keys-differ": (
        "The statement signs the number and the SHA-256 of its keys, and other keys came, or not all.",
        "Send the very keys that were signed, in their order.",
    ),
    "keys-not-ours": (
        "The registry knows none of the keys, so it could never tell you of a withdrawal.",
        "Keys are the SHA-256 of the image files; `consentkit filter` says the same of such a file.",
    ),
    "endpoint-refused": (
        (
            "Webhooks go by https to port 443 of the public internet, and to what the operator has added. "
            "The detail says why not here."
        ),
        "Give an address like https://hooks.example.org/consent, or ask the operator about WEBHOOK_NETWORKS.",
    ),
    "name-taken": (
        "A pipeline of this name is enrolled already, and what it is told belongs to it, whichever key it sends.",
        "Give it another key with `manage.py pipeline key add`, or choose another name.",
    ),
    "label-taken": (
        "Another key, token or secret of the same owner has this label.",
        "Choose another label, or end the other one first.",
    ),
    "label-invalid": ("A label is one line of 1 to 60 characters.", "Send a short name, such as that of the app."),
    "last-secret": (
        "It is the only secret that this webhook signs with, and nothing goes out unsigned.",
        "Make another one first, or disable the webhook.",
    ),
    "cursor-altered": (
        "The cursor is not one that this registry wrote.",
        "Send it exactly as it was given, or begin again with a snapshot.",
    ),
    "resync-required": (
        "The cursor is of another key or log, or is ahead of the registry, as after a restored backup.",
        "Take a new snapshot, and use nothing of the old state.",
    ),
    "credentials-invalid": (
        "There is no key, or it is unknown or has ended. The answer never says which.",
        "Send `Authorization: Bearer <key>` with a key in force.",
    ),
    "credentials-in-url": (
        "A key stands in the address, and addresses end up in logs.",
        "Send keys as a header only, and have the one you have shown replaced.",
    ),
    "scope-missing": (
        "The key is in force, and does not open this: another kind of key, or a purpose it was not given.",
        "Use the right key, or ask the registry's operator for more.",
    ),
    "csrf-failed": ("The form did not come from our page.", "Go back, reload the page and send it again."),
    "method-not-allowed": (
        "The address exists and does not take this method; headers that name another one are refused.",
        "Use a method in `Allow`.",
    ),
    "media-type-unsupported": (
        "The body is in a media type, charset or coding that this address does not read.",
        "Send what the description at /api/v1/docs names.",
    ),
    "not-acceptable": ("The answer does not exist in the form you ask for.", "Leave `Accept` out."),
    "json-malformed": (
        "The body is not JSON in UTF-8; NaN, infinities, a byte order mark and trailing text are refused too.",
        "Write it with a JSON library.",
    ),
    "json-not-object": ("The body is JSON, and no object.", "Send one object: {…}."),
    "json-too-deep": ("The body is nested more than 32 deep.", "No request of ours needs that: check the body."),
    "json-duplicate-key": ("A key stands twice in one object, so it could mean two things.", "Send each key once."),
    "arrow-malformed": (
        "The body is not an Arrow IPC stream of uncompressed record batches, or ended before its end.",
        "Write it with an Arrow library, without compression and dictionaries.",
    ),
    "text-invalid": ("A text has NUL or half of a surrogate pair.", "Send Unicode text."),
    "number-range": ("A whole number has more than 64 bits.", "Send a smaller number."),
    "field-required": ("A field is missing; `field` says which.", "Send it."),
    "unknown-field": (
        "A field or parameter is not known; `field` says which. A slip of the pen must not drop a limit on consent.",
        "Correct or remove it.",
    ),
    "field-invalid": ("A field is of the wrong kind; `field` says which.", "See the description at /api/v1/docs."),
    "list-too-long": ("A list has more entries than we take.", "Send it in parts."),
    "body-too-large": ("The body is larger than this address takes.", "Send it in parts."),
    "multipart-malformed": (
        "The form has no boundary, cannot be taken apart, or ended before its end.",
        "Send multipart/form-data with an HTTP library, and all of it.",
    ),
    "too-many-files": ("The form has more files than we take.", "Send one file at a time."),
    "too-many-fields": ("The form has more fields than we take.", "Send the fields that the description names."),
    "request-ambiguous": ("Something stands twice, or two things stand where one belongs.", "Say it once."),
    "request-malformed": ("The request cannot be read.", "See the description at /api/v1/docs."),
    "idempotency-malformed": (
        "An Idempotency-Key has 1 to 255 visible ASCII characters.",
        "Send a fresh UUID, or leave it out.",
    ),
    "bulk-empty": ("The list of keys or pictures is empty.", "Ask about at least one."),
    "bulk-too-large": (
        (
            "A check has at most 100,000 keys as JSON, or 5 million as an Arrow stream; a search for copies 1,000 "
            "pictures, or 10,000 as a stream; a manifest 100,000 keys, or 10 million as a stream."
        ),
        "Ask in several requests, or sync a snapshot and filter offline.",
    ),
    "digest-malformed": (
        "A key is not in its one form; `position` counts from 0. It must never read as a stranger.",
        "Digests are 64 lower-case hex digits, images lower-case UUIDs.",
    ),
    "purpose-unknown": ("There is no such purpose.", "Use one of the names in the description, letter by letter."),
    "page-size-invalid": ("`limit` is a whole number from 1 to 5,000.", "Send such a number or leave it out."),
    "range-not-satisfiable": ("The range lies beyond the end of the file.", "See `Content-Range` for its length."),
    "mail-refused": ("The mail server says that there is no such mailbox.", "Look at the address, or use another one."),
    "mail-unavailable": (
        "Our mail cannot go out, or the other side asked us to come back later.",
        "Try again in a few minutes. To stop the use of a picture of you without signing in, use /requests/new.",
    ),
    "length-required": (
        "The body was sent in chunks, without saying how long it is (`Transfer-Encoding: chunked`).",
        "Send it with a Content-Length. Nothing was done.",
    ),
    "address-taken": (
        "An account that somebody else uses has this address.",
        "If it is the same person, `manage.py person join` makes one account of the two.",
    ),
    "account-not-joined": (
        "Both are one account already, or one of them works cases.",
        "Name two accounts of one person; end a steward's role first.",
    ),
    "address-invalid": (
        "No mail can be sent to what was given as an address.",
        "Send an address like name@example.com: a real domain, and before the @ letters a to z, digits and signs.",
    ),
    "rate-limited": ("You have asked often in this hour.", "Wait as long as Retry-After says."),
    "unavailable": (
        "The database did not answer in time. What you asked for may or may not have been done.",
        "Send the same request again; with an Idempotency-Key, it is done once.",
    ),
    "request-timeout": (
        "The request did not arrive within its time. Nothing was done.",
        "Send it again, over a faster line if you can.",
    ),
    "storage-full": (
        "The registry's disk is nearly full. What room is left is kept for withdrawing.",
        "Send it again later. Whoever runs the registry must make room.",
    ),
    "server-error": ("A fault of ours; it was noted.", "Try again, and tell us if it stays."),
    **{slug: (sentence, "Then send it again.") for slug, sentence in REJECTIONS.items()},
}
