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

test("questions are a section of their own, and results narrow to a category (KB-2 to KB-4, KB-6)", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  const make = (title, kind, category) => agent.post("articles", { title, body: "About radiators.", state: "published", kind, category });
  await make("Radiator guide", "article", "Heating");
  await make("Why is the radiator cold?", "faq", "Heating");
  await make("Radiator colours", "article", "Paint");
  await make("May I paint a radiator?", "faq");
  await page.goto(`${portal.url}/kb?kind=faq`);
  await page.getByRole("main").getByRole("link", { name: "Heating" }).click();
  await expect(page.getByRole("main")).toContainText("Why is the radiator cold?");
  await expect(page.getByRole("main")).not.toContainText("Radiator guide");
  await page.goto(`${portal.url}/kb?kind=faq`);
  await page.getByRole("link", { name: "All questions" }).click();
  await expect(page.getByRole("main")).toContainText("May I paint a radiator?");
  await page.goto(`${portal.url}/kb?kind=faq`);
  await until("the questions are found", async () => JSON.stringify(await portal.guest.get("search?q=radiator&in=faqs")).includes("paint a radiator"));
  await page.getByLabel("Search the knowledge base").fill("radiator");
  await page.getByLabel("Search the knowledge base").press("Enter");
  await expect(page).toHaveURL(/type=faqs/);
  await expect(page.getByRole("main")).toContainText("Why is the radiator cold?");
  await expect(page.getByRole("main").locator(".result")).not.toContainText(["Radiator guide"]);
  await page.goto(`${portal.url}/search?q=radiator`);
  await page.getByRole("combobox", { name: "Category" }).selectOption({ label: "Paint" });
  if (!scripts(info)) await page.getByRole("button", { name: "Narrow" }).click();
  await expect(page).toHaveURL(/category=Paint/i);
  await expect(page.locator(".result")).toHaveCount(1);
  await expect(page.locator(".result")).toContainText("Radiator colours");
});

test("home has the most viewed topics, and a look counts once (CM-11); a draft may lack everything but itself (CM-4, CM-7)", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  const forum = await agent.post("forums", { name: "Controllers" });
  const alice = await portal.person("alice");
  const topic = await alice.post("topics", { type: "question", title: "Which relay?", body: "Any.", forum: forum.id });
  await signIn(page, portal, alice.email);
  // Reading it by the API is a look, too; the list is none.
  const views = async () => (await alice.get("topics")).items[0].views;
  const before = await views();
  await page.goto(`${portal.url}/community/t/${topic.id}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Which relay?");
  expect((await views()) - before, info.title).toBe(1);
  await page.goto(`${portal.url}/`);
  await expect(page.getByRole("region", { name: "Most viewed topics" })).toContainText("Which relay?");

  await page.goto(`${portal.url}/community/new`);
  await page.getByLabel("Text", { exact: true }).fill("Only a thought.");
  await page.locator('input[type="file"]').setInputFiles({ name: "sketch.txt", mimeType: "text/plain", buffer: Buffer.from("lines") });
  if (scripts(info)) await expect(page.locator(".upload-list input[name=upload]")).toHaveCount(1);
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.locator(".upload-list")).toContainText("sketch.txt");
  await page.getByRole("button", { name: "Save as draft" }).click();
  await expect(page).toHaveURL(/drafts/);
  await page.getByRole("link", { name: "Without a title" }).click();
  await expect(page.getByRole("main")).toContainText("sketch.txt");
  await page.getByLabel("Remove sketch.txt").check();
  await page.getByRole("button", { name: "Save as draft" }).click();
  await page.getByRole("link", { name: "Without a title" }).click();
  await expect(page.getByRole("main")).not.toContainText("sketch.txt");
});
