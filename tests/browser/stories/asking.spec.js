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
  await page.getByLabel("Impact").selectOption("high");
  await page.getByLabel("Urgency").selectOption("high");
  await page.locator('input[type="file"]').setInputFiles({ name: "relay log.txt", mimeType: "text/plain", buffer: Buffer.from("click click") });
  if (scripts(info)) await expect(page.locator(".upload-list input[name=upload]")).toHaveCount(1);
  await page.getByRole("button", { name: /^Submit/ }).click();

  await expect(page.getByRole("heading", { level: 1 })).toContainText("We have your");
  const confirmation = page.url();
  const number = `${portal.slug.toUpperCase()}-1`;
  await expect(page.locator("main")).toContainText(number);
  await expect(page.locator("#case-status .status")).toHaveText("Open");
  if (scripts(info)) await accessible(page, "confirmation");
  await mail(alice.email, "receipt", number);
  await page.goto(confirmation);
  await expect(page.locator("main")).toContainText(number);

  await page.goto(`${portal.url}/requests`);
  await expect(page.getByRole("link", { name: "Relay clicks" })).toHaveCount(1);
  await expect(page.locator("tbody .status")).toHaveText("Open");
  await expect(page.locator("thead")).toContainText("Number");
  await expect(page.locator("tbody")).toContainText(number);
  await expect(page.locator("tbody")).toContainText("Climate Gateway");
  if (scripts(info)) { await accessible(page, "own list"); await fits(page); }
  await page.goto(`${portal.url}/requests?q=clicks`);
  await page.getByRole("link", { name: "Relay clicks" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Relay clicks");
  await expect(page.locator("#facts")).toContainText("Climate Gateway");
  await expect(page.locator("#facts")).toContainText("Urgent");
  await expect(page.locator("#facts dd time").first()).toHaveText(/\d{1,2} \w{3}, \d\d:\d\d/);
  await expect(page.locator("#thread")).toContainText("relay log.txt");
  await expect(page.locator("#case-files")).toContainText("relay log.txt");
  await page.getByRole("link", { name: "All files" }).click();
  await expect(page.locator("main")).toContainText("relay log.txt");
  if (scripts(info)) { await accessible(page, "request"); await fits(page); }
  await page.goto(`${portal.url}/`);
  await expect(page.locator("main")).toContainText("Relay clicks");
  seen.calm();
});

test("a double click, a reload and Back make one request", async ({ page }, info) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/requests/new`);
  const submit = page.getByRole("button", { name: /^Submit/ });
  const fill = async (subject) => {
    await page.getByLabel("Subject").fill(subject);
    await page.getByLabel("Description").fill("But once.");
  };
  await fill("Twice");
  await submit.dblclick({ noWaitAfter: true }).catch(() => {});
  await expect(page).toHaveURL(/submitted/);
  const confirmation = page.url();
  await page.reload();
  await page.goBack();
  await expect(submit).toBeVisible();
  await fill("Twice");
  await submit.click();
  await expect(page).toHaveURL(confirmation);
  expect((await alice.get("tickets")).items.length, info.title).toBe(1);

  await page.goBack();
  await fill("Something else");
  await submit.click();
  if (!/submitted/.test(page.url())) {
    await expect(page.getByLabel("Subject")).toHaveValue("Something else");
    await submit.click();
  }
  await expect(page).toHaveURL(/submitted/);
  await expect.poll(async () => (await alice.get("tickets")).items.length).toBe(2);
});

test("the first status is told in the portal's own word (CR-22)", async ({ page }) => {
  const portal = await Portal.create("agency-support");
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  const { number } = await alice.post("tickets", { subject: "First status", description: "As the portal calls it." });
  await page.goto(`${portal.url}/requests`);
  await expect(page.locator("tbody .status")).toHaveText("New");
  await page.goto(`${portal.url}/requests/${number}`);
  await expect(page.locator("#case-status .status")).toHaveText("New");
});

test("three files show their progress, can be taken away and tried again; one that is too large is refused before it is sent (criterion 12)", async ({ page }, info) => {
  test.skip(!scripts(info), "without scripts the browser sends the files with the form");
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  await page.goto(`${portal.url}/requests/new`);
  await page.getByLabel("Subject").fill("Three files");
  await page.getByLabel("Description").fill("Kept while they go up.");
  let broken = true;
  await page.route(/\/uploads\?name=two/, (route) => (broken ? route.abort("connectionreset") : route.continue()));
  const sent = [];
  page.on("request", (request) => { if (/\/uploads\?/.test(request.url())) sent.push(request.url()); });
  const file = (name, megabytes) => ({ name, mimeType: "text/plain", buffer: Buffer.alloc(megabytes * 1024 * 1024, "x") });
  await page.locator('input[type="file"]').setInputFiles([file("one.txt", 5), file("two.txt", 5), file("three.txt", 5)]);
  await expect(page.getByRole("progressbar").first()).toBeAttached();
  await expect(page.locator(".upload-list input[name=upload]")).toHaveCount(2);
  await expect(page.locator(".upload-list")).toContainText("The connection was lost");
  broken = false;
  await page.getByRole("button", { name: "Try two.txt again" }).click();
  await expect(page.locator(".upload-list input[name=upload]")).toHaveCount(3);
  await page.getByRole("button", { name: "Remove three.txt" }).click();
  await expect(page.locator(".upload-list input[name=upload]")).toHaveCount(2);

  const before = sent.length;
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(30 * 1024 * 1024)], "huge.txt", { type: "text/plain" }));
    const input = document.querySelector('input[type="file"]');
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  await expect(page.locator(".upload-list")).toContainText("The selected file must be smaller than 25 MB");
  expect(sent.length, "nothing of it was sent").toBe(before);
  await page.getByRole("button", { name: "Remove huge.txt" }).click();
  await expect(page.getByLabel("Description")).toHaveValue("Kept while they go up.");
  await page.getByRole("button", { name: /^Submit/ }).click();
  await expect(page).toHaveURL(/submitted/);
  const { items } = await alice.get(`tickets/${portal.slug.toUpperCase()}-1/timeline`);
  expect(items[0].attachments.map(({ name }) => name).sort()).toEqual(["one.txt", "two.txt"]);
});
