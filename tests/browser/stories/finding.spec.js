// Story 4: finding and talking (KB-1 to KB-10, CM-2 to CM-11, AN-1 to AN-7).
import { expect, test } from "@playwright/test";
import { accessible, fits, signIn, watch } from "../lib/page.js";
import { Portal, until } from "../lib/stack.js";

const scripts = (info) => info.project.name === "scripts";

test("a guest finds an article in spite of a typo", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  await agent.post("articles", { title: "Calibrate the humidity sensor", body: "## First\n\nUse the *salt* method.\n\n## Then\n\nWait.", state: "published", category: "Sensors" });
  await until("the article is found", async () => JSON.stringify(await portal.guest.get("search?q=humidity")).includes("Calibrate"));
  const seen = watch(page);
  await page.goto(`${portal.url}/`);
  const field = page.getByRole("main").getByLabel("Search");
  if (scripts(info)) {
    await field.pressSequentially("humid", { delay: 30 });
    await expect(page.getByRole("option").first()).toContainText("Calibrate");
    await accessible(page, "home with suggestions");
    await field.press("Escape");
  }
  await field.fill("humidty sensr");
  await field.press("Enter");
  await page.getByRole("main").getByRole("link", { name: "Calibrate the humidity sensor" }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Calibrate the humidity sensor");
  if (scripts(info)) { await accessible(page, "article"); await fits(page); }
  await page.goto(`${portal.url}/search?q=zzzzqqqq`);
  await expect(page.locator("main")).toContainText("No results");
  if (scripts(info)) await accessible(page, "search without results");
  await page.goto(`${portal.url}/kb`);
  if (scripts(info)) await accessible(page, "knowledge base");
  seen.calm();
});

test("a topic is drafted, previewed, published, answered and accepted", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  await agent.post("forums", { name: "Controllers", description: "All about them" });
  const [alice, carol] = [await portal.person("alice"), await portal.person("carol")];
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/community/new`);
  if (scripts(info)) await accessible(page, "new topic");
  await page.getByRole("radio", { name: /question/i }).check();
  await page.getByLabel("Title").fill("Which cable for long runs?");
  await page.getByLabel("Forum").selectOption({ label: "Controllers" });
  await page.getByLabel("Text", { exact: true }).fill("Is it **safe** over 80 metres?");
  await page.getByLabel("Tags").fill("wiring, rs485");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.locator("#preview strong")).toHaveText("safe");
  await page.getByRole("button", { name: "Save as draft" }).click();
  await page.goto(`${portal.url}/community/drafts`);
  await page.getByRole("link", { name: "Which cable for long runs?" }).click();
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Which cable for long runs?");
  const topic = page.url();
  const id = (await carol.get("topics")).items[0].id;
  await carol.post(`topics/${id}/posts`, { body: "Shielded twisted pair." });
  await page.goto(topic);
  await expect(page.locator("#thread")).toContainText("Shielded twisted pair.");
  await page.getByRole("button", { name: /accept/i }).first().click();
  await expect(page.locator("main")).toContainText("Accepted answer");
  if (scripts(info)) { await accessible(page, "topic"); await fits(page); }
  await page.goto(`${portal.url}/community`);
  if (scripts(info)) await accessible(page, "community");
  await page.goto(`${portal.url}/`);
  await expect(page.locator("main")).toContainText("Which cable for long runs?");
});

test("an announcement is read and dismissed", async ({ page }, info) => {
  const portal = await Portal.create("agency-support");
  const agent = await portal.person("agnes", "agent");
  await agent.post("announcements", { title: "Maintenance on Sunday", body: "From six to eight.", severity: "warning" });
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/`);
  await expect(page.locator("main")).toContainText("Maintenance on Sunday");
  await page.getByRole("button", { name: /^Dismiss/ }).click();
  await expect(page.locator("main")).not.toContainText("Maintenance on Sunday");
  await page.goto(`${portal.url}/announcements`);
  await expect(page.locator("main")).toContainText("Maintenance on Sunday");
  if (scripts(info)) await accessible(page, "announcements");
});
