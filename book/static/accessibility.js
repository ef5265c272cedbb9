// Docutils gives bibliography entries the role doc-biblioentry, which no longer counts as an item of the list around them.
document.addEventListener("DOMContentLoaded", () => {
  for (const entry of document.querySelectorAll('.citation-list > [role="doc-biblioentry"]')) {
    entry.setAttribute("role", "listitem");
  }
});
