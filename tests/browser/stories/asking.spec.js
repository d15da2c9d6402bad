// Story 2: asking (CR-13 to CR-22, VL-1 to VL-3, VL-11 to VL-20).
import { expect, test } from "@playwright/test";
import { accessible, fits, refused, signIn, watch } from "../lib/page.js";
import { Portal, mail } from "../lib/stack.js";

const scripts = (info) => info.project.name === "scripts";

test("a request with a file, from the form to the own list", async ({ page }, info) => {
  const portal = await Portal.create();
  const product = await portal.admin.post("products", { name: "Climate Gateway" });
  await portal.admin.post("categories", { name: "Installation", product: product.id });
  const agent = await portal.person("agnes", "agent");
  await agent.post("articles", { title: "Relay clicks at night", body: "That is the *weekly test*.", state: "published" });
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  const seen = watch(page, [/422/]);

  await page.goto(`${portal.url}/requests/new`);
  await page.getByRole("button", { name: /^Submit/ }).click();
  await refused(page, ["subject", "description"], scripts(info));
  if (scripts(info)) { await accessible(page, "new request with errors"); await fits(page); }

  await page.getByLabel("Subject").pressSequentially("Relay clicks");
  if (scripts(info)) {
    await expect(page.locator("subject-suggest")).toContainText("Relay clicks at night");
    await accessible(page, "new request with suggestions");
  }
  await page.getByLabel("Description").fill("It **clicks** every hour.");
  await page.getByLabel("Product").selectOption({ label: "Climate Gateway" });
  await page.getByLabel("Category").selectOption({ label: "Installation" });
  await page.locator('input[type="file"]').setInputFiles({ name: "relay log.txt", mimeType: "text/plain", buffer: Buffer.from("click click") });
  if (scripts(info)) await expect(page.locator(".upload-list input[name=upload]")).toHaveCount(1);
  await page.getByRole("button", { name: /^Submit/ }).click();

  await expect(page.getByRole("heading", { level: 1 })).toContainText("We have your");
  const confirmation = page.url();
  const number = `${portal.slug.toUpperCase()}-1`;
  await expect(page.locator("main")).toContainText(number);
  if (scripts(info)) await accessible(page, "confirmation");
  await mail(alice.email, "receipt", number);
  await page.goto(confirmation);
  await expect(page.locator("main")).toContainText(number);

  await page.goto(`${portal.url}/requests`);
  await expect(page.getByRole("link", { name: "Relay clicks" })).toHaveCount(1);
  await expect(page.locator("main")).toContainText("New");
  if (scripts(info)) { await accessible(page, "own list"); await fits(page); }
  await page.goto(`${portal.url}/requests?q=clicks`);
  await page.getByRole("link", { name: "Relay clicks" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Relay clicks");
  await expect(page.locator("#facts")).toContainText("Climate Gateway");
  await expect(page.locator("#thread")).toContainText("relay log.txt");
  if (scripts(info)) { await accessible(page, "request"); await fits(page); }
  await page.goto(`${portal.url}/`);
  await expect(page.locator("main")).toContainText("Relay clicks");
  seen.calm();
});

test("a double click makes one request", async ({ page }, info) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/requests/new`);
  await page.getByLabel("Subject").fill("Twice");
  await page.getByLabel("Description").fill("But once.");
  await page.getByRole("button", { name: /^Submit/ }).dblclick({ noWaitAfter: true }).catch(() => {});
  await expect(page).toHaveURL(/submitted/);
  await page.reload();
  await page.goBack();
  if (await page.getByRole("button", { name: /^Submit/ }).isVisible().catch(() => false)) {
    await page.getByLabel("Subject").fill("Twice");
    await page.getByLabel("Description").fill("But once.");
  }
  const list = await alice.get("tickets");
  expect(list.items.length, info.title).toBe(1);
});
