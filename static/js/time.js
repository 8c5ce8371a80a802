// Relative times stay true while the page stays open; core/templatetags/conto.py words them the same way.
// The server learns the browser's time zone, for those who chose none.
const EVERY_MILLISECONDS = 20_000;
const DAY = 86_400;

function words(when) {
  const distance = (when - Date.now()) / 1000;
  const seconds = Math.abs(distance);
  if (seconds < 45) return distance <= 0 ? "just now" : "in a moment";
  if (seconds >= 30 * DAY) return null;
  const minutes = Math.max(1, Math.round(seconds / 60));
  const days = Math.round(minutes / 1440);
  const amount =
    minutes < 60 ? `${minutes} min` : minutes < 1440 ? `${Math.round(minutes / 60)} h` : days === 1 ? "1 day" : `${days} days`;
  return distance < 0 ? `${amount} ago` : `in ${amount}`;
}

function refresh() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const text = words(Date.parse(element.dateTime));
    if (text && element.textContent !== text) element.textContent = text;
  }
}

setInterval(refresh, EVERY_MILLISECONDS);
document.addEventListener("visibilitychange", refresh);

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const secure = location.protocol === "https:" ? "; secure" : "";
if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
