// Sends the one form of a page on its way.
"use strict";

document.querySelector("form").submit();
