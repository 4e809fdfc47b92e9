// All of it is for convenience: every page works without.
"use strict";

// What is wrong with a form is where the reader is led first.
document.querySelector(".faults")?.focus();
