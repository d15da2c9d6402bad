// Story 1: getting in (IA-5 to IA-9, IA-12, IA-13, IA-16, PP-4).
import { expect, test } from "@playwright/test";
import { accessible, human, refused, signIn, watch } from "../lib/page.js";
import { PASSWORD, Portal, linkIn, mail, status, until } from "../lib/stack.js";

const NEW_PASSWORD = "seven slow herons turn";
const scripts = (info) => info.project.name === "scripts";

test("an invited person registers and is signed in", async ({ page }, info) => {
  const portal = await Portal.create();
  const email = portal.address("ines");
  await portal.admin.post("invitations", { email, name: "Ines" });
  const link = linkIn((await mail(email, "invite")).text, "invite");
  const calm = watch(page, [/422/, /404/]);
  await page.goto(status.public + link);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Welcome");
  if (scripts(info)) await accessible(page, "register");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Register" }).click();
  await refused(page, ["password"], scripts(info));
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Ines");
  await page.goto(status.public + link);
  await expect(page.getByRole("heading", { level: 1 })).not.toContainText("Welcome");
  calm.calm();
});

test("a visitor signs up with a human check", async ({ page }, info) => {
  const portal = await Portal.create();
  const email = portal.address("sven");
  await page.goto(`${portal.url}/sign-up`);
  if (scripts(info)) await accessible(page, "sign up");
  await page.getByLabel("Name", { exact: true }).fill("Sven Sign-up");
  await page.getByLabel("E-mail address").fill(email);
  await human(page, scripts(info));
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page).toHaveURL(/check-your-inbox/);
  const text = (await mail(email, "sign_up")).text;
  await page.goto(status.public + linkIn(text, "(?:verify|invite)"));
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Sven");
});

test("a forgotten password is replaced by mail, and a password is changed", async ({ page, browser }, info) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await page.goto(`${portal.url}/sign-in`);
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("E-mail address").fill(alice.email);
  await human(page, scripts(info));
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page).toHaveURL(/check-your-inbox/);
  const link = linkIn((await mail(alice.email, "password_reset")).text, "reset");
  await page.goto(status.public + link);
  await page.getByLabel("Password", { exact: true }).fill(NEW_PASSWORD);
  await page.getByRole("button", { name: "Save the new password" }).click();
  await mail(alice.email, "password_changed");
  await signIn(page, portal, alice.email, NEW_PASSWORD);

  await page.goto(`${portal.url}/me/security`);
  if (scripts(info)) await accessible(page, "security");
  await page.getByLabel("Current password").fill("not my password at all");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await refused(page, ["current"], scripts(info));
  await page.getByLabel("Current password").fill(NEW_PASSWORD);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.locator(".flash")).toContainText("Your password is changed");
  const elsewhere = await (await browser.newContext({ javaScriptEnabled: scripts(info) })).newPage();
  await signIn(elsewhere, portal, alice.email, PASSWORD);
  await elsewhere.context().close();
});

test("signing in, out and wrongly", async ({ page }, info) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await page.goto(`${portal.url}/requests`);
  await expect(page).toHaveURL(/sign-in/);
  if (scripts(info)) await accessible(page, "sign in");
  await page.getByLabel("E-mail address").fill(alice.email);
  await page.getByLabel("Password", { exact: true }).fill("wrong wrong wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.locator("#error-summary")).toBeVisible();
  await expect(page.getByLabel("E-mail address")).toHaveValue(alice.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/requests/);
  await page.locator("summary", { hasText: "Profile of" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(`${portal.url}/requests`);
  await expect(page).toHaveURL(/sign-in/);
});

test("a known browser signs in while others guess the password (S17)", async ({ page, browser }, info) => {
  const portal = await Portal.create();
  const alice = await portal.person("alice");
  await signIn(page, portal, alice.email);
  const device = (await page.context().cookies()).find(({ name }) => name === "__Host-portico-device");
  expect([device.httpOnly, device.secure, device.expires > Date.now() / 1000 + 300 * 86_400]).toEqual([true, true, true]);
  await page.locator("summary", { hasText: "Profile of" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();

  await portal.admin.patch("settings", { limits: { login_failures_per_account: 3 } });
  const login = (password, cookie) => fetch(`${portal.guest.base}/auth/login`, { method: "POST", headers: { "content-type": "application/json", ...(cookie && { cookie }) }, body: JSON.stringify({ email: alice.email, password }) });
  await until("others are locked out", async () => (await login("wrong wrong wrong")).status === 429);
  const stranger = await (await browser.newContext({ javaScriptEnabled: scripts(info) })).newPage();
  await stranger.goto(`${portal.url}/sign-in`);
  await stranger.getByLabel("E-mail address").fill(alice.email);
  await stranger.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await stranger.getByRole("button", { name: "Sign in" }).click();
  await expect(stranger.locator("#error-summary")).toContainText("Too many tries");
  await signIn(page, portal, alice.email);
  const answer = await login(PASSWORD, `__Host-portico-device=${device.value}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("set-cookie")).toMatch(/^__Host-portico-device=[^;]+; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Lax$/);
});

test("a guest's first request brings an invitation", async ({ page }, info) => {
  const portal = await Portal.create();
  const email = portal.address("gus");
  await page.goto(`${portal.url}/requests/new`);
  if (scripts(info)) await accessible(page, "a guest's request");
  await page.getByLabel("Your name").fill("Gus");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Subject").fill("Lamp blinks");
  await page.getByLabel("Description").fill("Since this morning.");
  await human(page, scripts(info));
  await page.getByRole("button", { name: /^Submit/ }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("confirm your address");
  await page.goto(status.public + linkIn((await mail(email, "auto_invite")).text, "invite"));
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await expect(async () => {
    await page.goto(`${portal.url}/requests`);
    await expect(page.getByRole("link", { name: "Lamp blinks" })).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
});
