// Story 3: answering (LC-2 to LC-18, CO-1 to CO-5, CF-1 to CF-9, NE-1 to NE-4).
import { expect, test } from "@playwright/test";
import { accessible, fits, signIn, watch } from "../lib/page.js";
import { Portal, mail } from "../lib/stack.js";

const scripts = (info) => info.project.name === "scripts";

async function shows(page, url, text) {
  await expect(async () => {
    await page.goto(url);
    await expect(page.locator("main")).toContainText(text, { timeout: 1_000 });
  }).toPass({ timeout: 20_000 });
}

test("customer and agent talk until it is solved", async ({ page, browser }, info) => {
  const portal = await Portal.create();
  const [alice, agnes, carol] = [await portal.person("alice"), await portal.person("agnes", "agent"), await portal.person("carol")];
  const context = await browser.newContext({ javaScriptEnabled: scripts(info) });
  const desk = await context.newPage();
  await signIn(desk, portal, agnes.email);
  await desk.goto(`${portal.desk}/`);
  if (scripts(info)) await accessible(desk, "desk");
  await signIn(page, portal, alice.email);

  const ticket = await alice.post("tickets", { subject: "No heating on floor three", description: "All rooms." });
  const [theirs, ours] = [`${portal.url}/requests/${ticket.number}`, `${portal.desk}/tickets/${ticket.number}`];
  if (scripts(info)) await expect(desk.locator("body")).toContainText("No heating on floor three");
  await desk.goto(ours);
  if (scripts(info)) { await accessible(desk, "ticket in the desk"); await fits(desk, [768, 1280, 1920]); }

  await page.goto(theirs);
  await agnes.post(`tickets/${ticket.number}/comments`, { body: "SECRET valve", visibility: "internal" });
  await agnes.post(`tickets/${ticket.number}/comments`, { body: "Is the **main valve** open?", status: "waiting_customer" });
  if (scripts(info)) await expect(page.locator("#thread")).toContainText("main valve");
  await shows(page, theirs, "main valve");
  await expect(page.locator("body")).not.toContainText("SECRET");
  await shows(desk, ours, "SECRET");
  await mail(alice.email, "ticket_update", ticket.number);
  await page.goto(`${portal.url}/notifications`);
  await expect(page.locator("main")).toContainText(ticket.number);
  if (scripts(info)) await accessible(page, "notifications");

  await page.goto(theirs);
  await page.getByLabel("Your reply").fill("Yes, it is open.");
  await page.getByRole("button", { name: "Send reply" }).click();
  await expect(page.locator("#thread")).toContainText("Yes, it is open.");
  await shows(desk, ours, "Yes, it is open.");
  if (scripts(info)) { await accessible(page, "request with a conversation"); await fits(page); }

  await page.goto(`${theirs}/collaborators`);
  await page.getByLabel("E-mail address").fill(carol.email);
  await page.getByRole("button", { name: "Add" }).click();
  await expect(page.locator("main")).toContainText(carol.email);
  if (scripts(info)) await accessible(page, "people of a request");
  await carol.get(`tickets/${ticket.number}`);

  await agnes.post(`tickets/${ticket.number}/comments`, { body: "Fixed the pump.", status: "resolved" });
  await shows(page, theirs, "Resolved");
  await page.locator("summary", { hasText: /^Reopen/ }).click();
  await page.getByLabel("What is still wrong?").fill("Cold again.");
  await page.getByRole("button", { name: "Reopen", exact: true }).click();
  await expect(page.locator("#thread")).toContainText("Cold again.");
  await agnes.post(`tickets/${ticket.number}/comments`, { body: "Now with a new pump.", status: "resolved" });

  await shows(page, theirs, "Now with a new pump.");
  await page.getByRole("link", { name: /^Close/ }).or(page.getByRole("button", { name: /^Close/ })).first().click();
  if (/rate/.test(page.url())) {
    if (scripts(info)) await accessible(page, "close and rate");
    await page.locator('input[name="score"][value="5"]').check({ force: true });
    await page.getByRole("button", { name: /^Close/ }).click();
  }
  await expect(page).toHaveURL(theirs);
  await expect(page.locator("#case-status")).toContainText("Closed");
  await page.getByRole("link", { name: "Create a follow-up" }).first().click();
  await page.getByLabel("Subject").fill("The pump again");
  await page.getByLabel("Description").fill("It hums.");
  await page.getByRole("button", { name: /^Submit/ }).click();
  await expect(page).toHaveURL(/submitted/);
  await shows(page, theirs, `${portal.slug.toUpperCase()}-2`);
  await context.close();
});

test("the agent works in the desk", async ({ page }, info) => {
  const portal = await Portal.create();
  const [alice, agnes] = [await portal.person("alice"), await portal.person("agnes", "agent")];
  const ticket = await alice.post("tickets", { subject: "Desk work", description: "Text." });
  const seen = watch(page);
  await signIn(page, portal, agnes.email);
  await page.goto(`${portal.desk}/tickets/${ticket.number}`);
  const reply = page.locator('textarea[name="body"]').first();
  await reply.fill("We look into it.");
  await page.getByRole("button", { name: /send/i }).first().click();
  await mail(alice.email, "ticket_update", ticket.number);
  expect((await alice.get(`tickets/${ticket.number}`)).status, info.title).toBe("assigned");
  seen.calm();
});
