// Parts that renew themselves ([data-live], polled by htmx) rest while nobody sees them.
const parts = () => document.querySelectorAll("[data-live]");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-live]") && document.hidden) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const part of parts()) part.dispatchEvent(new Event("wake"));
});
