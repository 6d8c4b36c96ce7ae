"""The public page: what this is, and three ways in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def start(request: HttpRequest) -> HttpResponse:
    """`/`"""
    return render(request, "portal/start.html")
