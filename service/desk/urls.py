"""The stewards' pages, under /desk/."""

from django.urls import path

from service.desk import answers, cases, claims, signals, statements
from service.desk.signing_in import sign_in

urlpatterns = [
    path("", cases.queue, name="desk"),
    path("sign-in", sign_in, name="desk-sign-in"),
    path("closed", cases.closed, name="desk-closed"),
    path("answers", answers.told, name="desk-answers"),
    path("signals", signals.signals, name="desk-signals"),
    path("signals/<uuid:image>", signals.signal, name="desk-signal"),
    path("signals/<uuid:image>/preview", signals.preview, name="desk-signal-preview"),
    path("cases/<uuid:number>", cases.one, name="desk-case"),
    path("cases/<uuid:number>/statements", statements.hear, name="desk-statements"),
    path("cases/<uuid:number>/check", cases.check, name="desk-check"),
    path("cases/<uuid:number>/decide", cases.decide, name="desk-decide"),
    path("cases/<uuid:number>/reopen", claims.reopen, name="desk-reopen"),
    path("cases/<uuid:number>/claimant", claims.claimant, name="desk-claimant"),
    path("cases/<uuid:number>/asked", cases.asked, name="desk-asked"),
    path("cases/<uuid:number>/file", cases.file, name="desk-file"),
    path("cases/<uuid:number>/images/<uuid:image>", cases.preview, name="desk-preview"),
]
