// What the team publishes and looks after: articles, announcements, reports (KB-1, AN-1 to AN-4, CM-11); and what a reader chooses to be told (NE-3).
import { readFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { accessible, fits, signIn, watch } from "../lib/page.js";
import { Portal, until } from "../lib/stack.js";

const scripts = (info) => info.project.name === "scripts";

test("an agent drafts, previews, publishes, changes and takes back an article", async ({ page, browser }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  await signIn(page, portal, agent.email);
  const seen = watch(page);
  await page.goto(`${portal.desk}/articles`);
  await expect(page.getByRole("main")).toContainText("Nothing here yet");
  await page.getByRole("link", { name: /^New / }).click();
  if (scripts(info)) { await accessible(page, "article editor"); await fits(page, [320, 375, 768, 1280]); }
  await page.getByLabel("Title").fill("Bleed a radiator");
  await page.getByLabel("Text", { exact: true }).fill("Open the **valve** slowly.");
  await page.getByLabel("Category").fill("Radiators");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.locator("#preview strong")).toHaveText("valve");
  await expect(page.getByLabel("Category")).toHaveValue("Radiators");
  await page.getByRole("button", { name: "Save draft" }).click();
  await expect(page.getByRole("status").first()).toContainText("draft");
  const editor = page.url();
  const address = `${portal.url}/kb/articles/${editor.split("/").pop()}`;
  const guest = await (await browser.newContext({ javaScriptEnabled: scripts(info) })).newPage();
  expect((await guest.goto(address)).status()).toBe(404);
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await expect(page.getByRole("link", { name: "See it in the portal" })).toBeVisible();
  await guest.goto(address);
  await expect(guest.getByRole("heading", { level: 1 })).toHaveText("Bleed a radiator");
  await page.getByRole("radio", { name: "Whoever is signed in" }).check();
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByRole("status").first()).toContainText("Saved");
  expect((await guest.goto(address)).status()).toBe(404);
  await page.getByRole("button", { name: "Unpublish" }).click();
  await expect(page.locator(".editor-head")).toContainText("Draft");
  await page.goto(`${portal.desk}/articles?state=draft`);
  await expect(page.getByRole("link", { name: "Bleed a radiator" })).toBeVisible();
  if (scripts(info)) await accessible(page, "articles of the desk");
  seen.calm();
});

test("two agents who change one article don't overwrite each other", async ({ page }) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  const article = await agent.post("articles", { title: "Valves", body: "First text.", state: "published" });
  await signIn(page, portal, agent.email);
  await page.goto(`${portal.desk}/articles/${article.slug}`);
  await agent.patch(`articles/${article.slug}`, { body: "The other one was faster." });
  await page.getByLabel("Text", { exact: true }).fill("Mine.");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.locator("#error-summary")).toBeVisible();
  await expect(page.getByLabel("Text", { exact: true })).toHaveValue("Mine.");
  expect((await agent.get(`articles/${article.slug}`)).body).toBe("The other one was faster.");
});

test("an agent announces something for some time and deletes it", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  await signIn(page, portal, agent.email);
  await page.goto(`${portal.desk}/announcements/new`);
  if (scripts(info)) await accessible(page, "announcement editor");
  await page.getByLabel("Title").fill("Heating is off on Sunday");
  await page.getByRole("radio", { name: "Important" }).check();
  await page.locator("#valid_from").fill("2026-01-02T10:00");
  await page.locator("#valid_until").fill("2026-01-01T10:00");
  await page.getByRole("button", { name: "Announce" }).click();
  await expect(page.locator("#valid_until-error")).toContainText("after the beginning");
  await expect(page.getByRole("radio", { name: "Important" })).toBeChecked();
  await page.locator("#valid_until").fill("");
  await page.getByRole("button", { name: "Announce" }).click();
  await expect(page.getByRole("row", { name: /Heating is off/ })).toContainText("Shown now");
  await page.goto(`${portal.url}/`);
  await expect(page.getByRole("main")).toContainText("Heating is off on Sunday");
  await page.goto(`${portal.desk}/announcements`);
  await page.getByRole("link", { name: "Heating is off on Sunday" }).click();
  await page.getByText("Delete this announcement").click();
  await page.getByRole("button", { name: "Delete announcement" }).click();
  await expect(page.getByRole("main")).toContainText("Nothing announced so far");
});

test("a reported topic is kept, locked or removed by the team; customers see none of it", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  const forum = await agent.post("forums", { name: "Controllers" });
  const [alice, carol] = [await portal.person("alice"), await portal.person("carol")];
  const topics = [];
  for (const title of ["First", "Second", "Third"]) {
    const topic = await alice.post("topics", { type: "question", title: `${title} topic`, body: "Text.", forum: forum.id });
    await carol.post(`topics/${topic.id}/report`, { reason: `${title} reason` });
    topics.push(topic);
  }
  await signIn(page, portal, agent.email);
  await page.goto(`${portal.desk}/moderation`);
  await expect(page.getByRole("main")).toContainText("First reason");
  if (scripts(info)) { await accessible(page, "moderation"); await fits(page, [320, 375, 1280]); }
  await page.getByRole("button", { name: "Keep it: First topic" }).click();
  await expect(page.getByRole("main")).not.toContainText("First reason");
  await page.getByRole("button", { name: "Lock it: Second topic" }).click();
  await expect(page.getByRole("main")).not.toContainText("Second reason");
  await page.locator("summary", { hasText: "Remove" }).click();
  await page.getByRole("button", { name: "Remove topic" }).click();
  await expect(page.getByRole("main")).toContainText("Nothing is reported");
  expect((await alice.get(`topics/${topics[0].id}`)).locked).toBe(false);
  expect((await alice.get(`topics/${topics[1].id}`)).locked).toBe(true);
  await expect(alice.get(`topics/${topics[2].id}`)).rejects.toThrow(/404/);

  await page.context().clearCookies();
  await signIn(page, portal, carol.email);
  for (const path of ["articles", "articles/new", "announcements", "moderation"]) {
    expect((await page.goto(`${portal.desk}/${path}`)).status(), path).toBe(404);
  }
});

test("a writer changes a published topic", async ({ page }) => {
  const portal = await Portal.create();
  const forum = await portal.admin.post("forums", { name: "Controllers" });
  const alice = await portal.person("alice");
  const topic = await alice.post("topics", { type: "idea", title: "A holiday mode", body: "For hotels.", forum: forum.id });
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/community/t/${topic.id}`);
  await page.getByRole("link", { name: "Edit this topic" }).click();
  await expect(page.getByRole("button", { name: "Save as draft" })).toHaveCount(0);
  await page.getByLabel("Text", { exact: true }).fill("For hotels and **schools**.");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.locator("#thread strong", { hasText: "schools" })).toBeVisible();
  expect((await alice.get(`topics/${topic.id}`)).type).toBe("idea");
});

test("a customer chooses what to be told", async ({ page }, info) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/me/notifications`);
  if (scripts(info)) { await accessible(page, "notification settings"); await fits(page); }
  await page.getByRole("checkbox", { name: "Receipt by mail" }).uncheck();
  await page.getByRole("checkbox", { name: "Closed by the bell" }).uncheck();
  await page.getByRole("button", { name: "Save choice" }).click();
  await expect(page.getByRole("status").first()).toContainText("saved");
  await expect(page.getByRole("checkbox", { name: "Receipt by mail" })).not.toBeChecked();
  await expect(page.getByRole("checkbox", { name: "Closed by mail" })).toBeChecked();
  const kept = await alice.get("me/preferences");
  expect([kept.mail.receipt, kept.mail.closed, kept.bell.closed, kept.bell.ticket_update]).toEqual([false, true, false, true]);
});

test("requests are narrowed to days and taken away as a file", async ({ page }) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await alice.post("tickets", { subject: "=1+1 in a subject", description: "Formula." });
  await signIn(page, portal, alice.email);
  const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  await page.goto(`${portal.url}/requests?from=${day(1)}`);
  await expect(page.getByRole("main")).toContainText("Nothing matches");
  await page.goto(`${portal.url}/requests?from=${day(-1)}&to=${day(1)}`);
  await expect(page.getByRole("link", { name: "=1+1 in a subject" })).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download as CSV" }).click();
  const text = await readFile(await (await download).path(), "utf8");
  expect(text.split("\r\n").length, text).toBe(3);
  expect(text).toContain("\"'=1+1 in a subject\"");
});

test("what is typed into search says which forum and category a hit is from", async ({ page }) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  const forum = await agent.post("forums", { name: "Wireless Things" });
  await agent.post("articles", { title: "Zanzibar sensor", body: "About it.", state: "published", category: "Getting started" });
  await agent.post("topics", { type: "question", title: "Zanzibar range", body: "How far?", forum: forum.id });
  await until("both are found", async () => {
    const found = JSON.stringify(await portal.guest.get("search?q=zanzibar"));
    return found.includes("Zanzibar sensor") && found.includes("Zanzibar range");
  });
  await page.goto(`${portal.url}/search?q=zanzibar`);
  await expect(page.locator(".result", { hasText: "Zanzibar sensor" })).toContainText("Getting started");
  await expect(page.locator(".result", { hasText: "Zanzibar range" })).toContainText("Wireless Things");
});
