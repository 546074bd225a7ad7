// What pages do beyond htmx. Each works without: it is only more convenient so.
"use strict";

// A portal link brings its key behind the #, which browsers send to nobody: it is put
// into the form of the login page, taken out of the address, and sent.
const key = new URLSearchParams(location.hash.slice(1)).get("key");
const login = document.getElementById("login");
if (key && login) {
  history.replaceState(null, "", location.pathname);
  login.elements.key.value = key.replaceAll(" ", "+");
  login.submit();
}

// A button with data-copy copies the text of the element that it names, and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const said = button.textContent;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = said; }, 1500);
});
