// Criterion 8: a form that is sent empty says what is missing, at the top and beside each field, with scripts and without; what was typed stays.
import { expect, test } from "@playwright/test";
import { human, refused, signIn } from "../lib/page.js";
import { Portal } from "../lib/stack.js";

const scripts = (info) => info.project.name === "scripts";

// Where, the button, the fields that must be named, and one that is filled in and must stay.
const forms = {
  guest: [
    ["/sign-in", "Sign in", ["password"], { email: "someone@example.test" }],
    ["/sign-up", "Sign up", ["email"], { name: "Sven Sign-up" }],
    ["/forgot", "Send the link", ["email"], {}],
    ["/requests/new", /^Submit/, ["name", "email", "description"], { subject: "It blinks" }],
  ],
  customer: [
    ["/requests/new", /^Submit/, ["subject"], { description: "Since this morning." }],
    ["/community/new", "Publish", ["title", "forum"], { body: "Some text" }],
    ["/me/security", "Change password", ["current", "new"], {}],
  ],
  agent: [
    ["/articles/new", "Publish", ["body"], { title: "A title" }],
    ["/announcements/new", "Announce", ["title"], { body: "Some text" }],
    ["/admin/people", "Send invitation", ["email"], { name: "Ines" }],
  ],
};

async function sentEmpty(page, url, button, fields, typed, info) {
  await page.goto(url);
  for (const [name, value] of Object.entries(typed)) await page.locator(`#${name}`).fill(value);
  if (await page.locator("proof-of-work").count()) await human(page, scripts(info));
  const answer = page.waitForResponse((response) => response.request().method() === "POST" && response.request().isNavigationRequest());
  await page.getByRole("main").getByRole("button", { name: button, exact: typeof button === "string" }).click();
  expect((await answer).status(), `${url} sent empty`).toBe(422);
  await refused(page, fields, scripts(info));
  for (const [name, value] of Object.entries(typed)) await expect(page.locator(`#${name}`), `${name} at ${url}`).toHaveValue(value);
  await page.locator(`#error-summary a[href="#${fields[0]}"]`).click();
  await expect(page.locator(`#${fields[0]}`)).toBeFocused();
}

test("a guest's empty forms say what is missing", async ({ page }, info) => {
  const portal = await Portal.create();
  for (const [path, button, fields, typed] of forms.guest) await sentEmpty(page, portal.url + path, button, fields, typed, info);
});

test("a customer's empty forms say what is missing", async ({ page }, info) => {
  const portal = await Portal.create();
  await portal.admin.post("forums", { name: "Controllers" });
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  for (const [path, button, fields, typed] of forms.customer) await sentEmpty(page, portal.url + path, button, fields, typed, info);
  const ticket = await alice.post("tickets", { subject: "Lamp", description: "Blinks." });
  await sentEmpty(page, `${portal.url}/requests/${ticket.number}`, "Send reply", ["body"], {}, info);
  await sentEmpty(page, `${portal.url}/requests/${ticket.number}/collaborators`, "Search", ["email"], {}, info);
});

test("the team's empty forms say what is missing", async ({ page }, info) => {
  const portal = await Portal.create();
  const agent = await portal.person("agnes", "agent");
  await signIn(page, portal, agent.email);
  for (const [path, button, fields, typed] of forms.agent) await sentEmpty(page, portal.desk + path, button, fields, typed, info);
});
