// What holds on every page: no console errors, no policy violations, no sideways scroll, axe clean.
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { expect } from "@playwright/test";
import { PASSWORD, solve } from "./stack.js";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

// Collects what a page complains about; call `calm()` at the end.
export function watch(page, allow = []) {
  const complaints = [];
  const tolerated = (text) => allow.some((pattern) => pattern.test(text));
  page.on("console", (message) => { if (message.type() === "error" && !tolerated(message.text())) complaints.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => { if (!request.url().startsWith(new URL(page.url() === "about:blank" ? request.url() : page.url()).origin) && !request.url().startsWith("data:") && !request.url().startsWith("blob:")) complaints.push(`elsewhere: ${request.url()}`); });
  return { calm: () => expect(complaints).toEqual([]) };
}

// axe in light and dark; scripts must be on.
export async function accessible(page, what) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
    expect(violations.map(({ id, nodes }) => `${what} (${colorScheme}): ${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(" | ")}`)).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

export async function fits(page, widths = [320, 375, 768, 1280, 1920]) {
  const before = page.viewportSize();
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over, `sideways scroll at ${width}: ${page.url()}`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize(before);
}

export async function picture(page, name) {
  mkdirSync("screenshots", { recursive: true });
  for (const [width, height] of [[375, 812], [1280, 900]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: `screenshots/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 720 });
  await page.emulateMedia({ colorScheme: "light" });
}

export async function signIn(page, portal, email, password = PASSWORD) {
  await page.goto(`${portal.url}/sign-in`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).not.toHaveURL(/sign-in/);
}

// A page's worker solves the proof of work by itself. Without scripts a person types the picture; the test, which cannot read it, puts in the proof.
export async function human(page, scripts) {
  if (scripts) {
    await expect(page.locator('input[name="captcha_number"]')).toHaveValue(/\d+/, { timeout: 60_000 });
    return;
  }
  await expect(page.getByRole("img", { name: /characters/i })).toBeVisible();
  const box = page.locator("proof-of-work");
  const challenge = { salt: await box.getAttribute("data-salt"), difficulty: Number(await box.getAttribute("data-difficulty")) };
  await page.locator('input[name="captcha_number"]').evaluate((input, number) => { input.value = number; }, String(solve(challenge)));
}

// A form's errors: 422, the summary has the focus, the fields point at their messages (criterion 8).
export async function refused(page, fields, scripts) {
  await expect(page).toHaveTitle(/^Error: /);
  const summary = page.locator("#error-summary");
  await expect(summary).toBeVisible();
  if (scripts) await expect(summary).toBeFocused();
  for (const field of fields) {
    await expect(summary.locator(`a[href="#${field}"]`)).toBeVisible();
    await expect(page.locator(`#${field}`)).toHaveAttribute("aria-invalid", "true");
    await expect(page.locator(`#${field}`)).toHaveAttribute("aria-describedby", new RegExp(`${field}-error`));
  }
}
