// Shows what the service pushes to this device, and opens the ride when it is tapped.

self.addEventListener("push", (event) => {
  const { title, body, tag, url } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url } = event.notification.data;
  if (!url) return;
  const open = async () => {
    const pages = await self.clients.matchAll({ type: "window" });
    const shown = pages.find((page) => new URL(page.url).pathname === url);
    return shown ? shown.focus() : self.clients.openWindow(url);
  };
  event.waitUntil(open());
});
