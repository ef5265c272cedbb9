// What style sheets cannot do for readers of the site. Checked by tests/site.

// Docutils gives bibliography entries the role doc-biblioentry, which no longer counts as an item of the list around them.
function nameBibliographyEntries() {
  for (const entry of document.querySelectorAll('.citation-list > [role="doc-biblioentry"]')) {
    entry.setAttribute("role", "listitem");
  }
}

// Only a formula that is wider than its line may scroll: scrolling moves its baseline.
function markWideFormulas() {
  for (const formula of document.querySelectorAll("span.math")) {
    formula.classList.remove("wide");
    const line = formula.closest("p, li, dd, td, th, dt, figcaption, h1, h2, h3, h4");
    formula.classList.toggle("wide", line !== null && formula.getBoundingClientRect().width > line.clientWidth);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  nameBibliographyEntries();
  window.MathJax?.startup?.promise?.then(markWideFormulas);
  window.addEventListener("resize", markWideFormulas);
});
