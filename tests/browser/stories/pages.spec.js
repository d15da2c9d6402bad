// Every page of the demo: axe clean in light and dark, no sideways scroll, a title and one heading, nothing from elsewhere; and pictures to look at.
import { expect, test } from "@playwright/test";
import { accessible, fits, picture, signIn, watch } from "../lib/page.js";
import { DEMO_PASSWORD, status } from "../lib/stack.js";

const demo = { url: `${status.public}/portal/demo`, desk: `${status.public}/desk/demo` };
const guestPages = ["", "/sign-in", "/sign-up", "/forgot", "/kb", "/kb?kind=faq", "/search?q=gateway", "/search?q=zzqqzz", "/community", "/announcements", "/requests/new", "/no-such-page"];
const customerPages = ["", "/requests", "/requests?view=closed", "/requests?view=collaborating", "/requests/new", "/notifications", "/me", "/me/security", "/me/notifications", "/community/new", "/community/drafts"];

async function sound(page, url, name) {
  const seen = watch(page, [/404/]);
  await page.goto(url);
  await expect(page.locator("h1")).toHaveCount(1);
  await expect(page).toHaveTitle(/ - /);
  const html = await page.content();
  expect(html, url).not.toMatch(/<[^>]+\sstyle="/);
  expect(html, url).not.toMatch(/<[^>]+\son[a-z]+="/);
  await accessible(page, name);
  await fits(page);
  await picture(page, name);
  seen.calm();
}

const nameOf = (who, path) => `${who}${path.replace(/[^a-z0-9]+/gi, "-") || "-home"}`;

for (const path of guestPages) test(`a guest at ${path || "/"}`, async ({ page }) => sound(page, demo.url + path, nameOf("guest", path)));

for (const path of customerPages) {
  test(`a customer at ${path || "/"}`, async ({ page }) => {
    await signIn(page, demo, "bob@acme.test", DEMO_PASSWORD);
    await sound(page, demo.url + path, nameOf("customer", path));
  });
}

test("an article, a topic and a request of the demo", async ({ page }) => {
  await signIn(page, demo, "alice@acme.test", DEMO_PASSWORD);
  await page.goto(`${demo.url}/search?q=blinking`);
  const article = await page.getByRole("main").locator('a[href*="/kb/articles/"]').first().getAttribute("href");
  await sound(page, new URL(article, status.public).href, "customer-article");
  await page.goto(`${demo.url}/community`);
  const topic = await page.locator('a[href*="/community/t/"]').first().getAttribute("href");
  await sound(page, new URL(topic, status.public).href, "customer-topic");
  await page.goto(`${demo.url}/requests?view=closed`);
  const request = await page.locator("table a.title").first().getAttribute("href");
  await sound(page, new URL(request, status.public).href, "customer-request");
});

const teamPages = ["/mail", "/mail?state=quarantined", "/articles", "/articles/new", "/announcements", "/announcements/new", "/moderation", "/admin/people", "/admin/catalog", "/admin/settings"];
for (const path of teamPages) {
  test(`the team at ${path}`, async ({ page }) => {
    await signIn(page, demo, "admin@demo.test", DEMO_PASSWORD);
    await sound(page, demo.desk + path, nameOf("desk", path));
  });
}

test("what belongs to a request of the demo, with menus and errors open", async ({ page }) => {
  await signIn(page, demo, "alice@acme.test", DEMO_PASSWORD);
  await page.goto(`${demo.url}/requests`);
  const request = new URL(await page.locator("table a.title").first().getAttribute("href"), status.public).href;
  for (const part of ["", "/collaborators", "/rate", "/submitted"]) await sound(page, request + part, `customer-request${part.replace("/", "-")}`);
  await page.goto(`${demo.url}/requests`);
  await page.locator("summary", { hasText: "Submitted" }).click();
  await accessible(page, "list with its days open");
  await page.locator("summary", { hasText: "Profile of" }).click();
  await accessible(page, "profile menu");
  await page.setViewportSize({ width: 375, height: 812 });
  await page.locator("details.burger summary").click();
  await accessible(page, "menu of a phone");
  await page.setViewportSize({ width: 1280, height: 720 });
  await page.goto(`${demo.url}/kb`);
  await page.keyboard.press("?");
  await accessible(page, "list of keys");
  await page.goto(request);
  await page.getByRole("button", { name: "Send reply" }).click();
  await expect(page.locator("#error-summary")).toBeVisible();
  await accessible(page, "refused reply");
});

test("the desk", async ({ page }) => {
  await signIn(page, demo, "agent@demo.test", DEMO_PASSWORD);
  const seen = watch(page);
  await page.goto(`${demo.desk}/`);
  await expect(page.locator("h1")).toHaveCount(1);
  await accessible(page, "desk");
  await picture(page, "desk");
  await page.locator('a[href*="/tickets/"]').first().click();
  await accessible(page, "desk-ticket");
  await picture(page, "desk-ticket");
  seen.calm();
});
