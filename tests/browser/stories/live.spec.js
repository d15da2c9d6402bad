// Criteria 9 and 13: suggestions while typing, and replies that arrive by themselves. Scripts only.
import { expect, test } from "@playwright/test";
import { signIn } from "../lib/page.js";
import { Portal, until } from "../lib/stack.js";

test("suggestions are a combobox that keeps up with the keys", async ({ page }) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  for (const title of ["Humidity sensor", "Humidity alarm", "Window contact"]) await agent.post("articles", { title, body: "Text.", state: "published" });
  await until("the articles are found", async () => JSON.stringify(await portal.guest.get("suggest?q=window")).includes("Window"));
  await page.goto(`${portal.url}/`);
  const field = page.getByRole("combobox", { name: "Search" }).first();
  await expect(field).toHaveAttribute("aria-expanded", "false");
  await expect(field).toHaveAttribute("aria-autocomplete", "list");
  await field.pressSequentially("humi", { delay: 20 });
  const began = Date.now();
  await expect(page.getByRole("option").first()).toBeVisible();
  test.info().annotations.push({ type: "first suggestion after the last key, ms", description: String(Date.now() - began) });
  await expect(field).toHaveAttribute("aria-expanded", "true");
  const list = await field.getAttribute("aria-controls");
  await expect(page.locator(`#${list}`)).toHaveRole("listbox");
  await expect(page.locator("#announcer")).toHaveText("2 suggestions");
  await field.press("ArrowDown");
  const active = await field.getAttribute("aria-activedescendant");
  await expect(page.locator(`#${active}`)).toHaveAttribute("aria-selected", "true");
  await expect(field).toBeFocused();
  await field.press("Escape");
  await expect(page.locator(`#${list}`)).toBeHidden();
  await expect(field).toHaveValue("humi");

  // Three quick edits whose answers come in the wrong order: only the last counts.
  await page.route("**/suggest?q=*", async (route) => {
    const slow = !route.request().url().includes("window");
    if (slow) await new Promise((resolve) => setTimeout(resolve, 600));
    await route.continue().catch(() => {});
  });
  const answers = page.waitForResponse((response) => /suggest\?q=humid$/.test(response.url()));
  await field.fill("humid");
  await page.waitForRequest(/suggest\?q=humid$/);
  await field.fill("window");
  await expect(page.getByRole("option").first()).toContainText("Window contact");
  await answers;
  await expect(page.getByRole("option").first()).toContainText("Window contact");
  await field.press("ArrowDown");
  await field.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Window contact");
});

test("a reply arrives within a second, is announced and moves nothing; what was missed comes once", async ({ page }) => {
  const portal = await Portal.create();
  const [alice, agnes] = [await portal.person("alice"), await portal.person("agnes", "agent")];
  const ticket = await alice.post("tickets", { subject: "Live", description: "Watch." });
  for (let number = 0; number < 12; number += 1) await alice.post(`tickets/${ticket.number}/comments`, { body: `Line ${number}\n\nMore\n\nand more.` });
  await signIn(page, portal, alice.email);
  const streaming = page.waitForRequest(/\/live$/);
  await page.goto(`${portal.url}/requests/${ticket.number}`);
  await streaming;
  await page.evaluate(() => scrollTo(0, 300));
  const before = await page.evaluate(() => scrollY);
  const reply = page.locator("#thread", { hasText: "Is it the valve?" });
  await expect(async () => {
    await agnes.post(`tickets/${ticket.number}/comments`, { body: "Is it the valve?" });
    await expect(reply).toBeAttached({ timeout: 1_000 });
  }).toPass({ timeout: 20_000 });
  await expect(page.locator("#announcer")).toHaveText(/new repl/);
  expect(Math.abs((await page.evaluate(() => scrollY)) - before)).toBeLessThanOrEqual(2);
  await expect(page.locator(".live-bar")).toBeVisible();

  await page.context().setOffline(true);
  await agnes.post(`tickets/${ticket.number}/comments`, { body: "Said while you were away." });
  await page.context().setOffline(false);
  const missed = page.locator("#thread .msg", { hasText: "Said while you were away." });
  await expect(missed).toHaveCount(1, { timeout: 30_000 });
  await agnes.post(`tickets/${ticket.number}/comments`, { body: "And after." });
  await expect(page.locator("#thread .msg", { hasText: "And after." })).toHaveCount(1);
  await expect(missed).toHaveCount(1);
});
