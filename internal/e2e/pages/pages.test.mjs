// Opens the pages that people see in headless Chromium, against the running product: the questionnaire of a personal link, and
// the description of the API. The test of Go that starts this names the product and the links, each for one test.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";

import axe from "axe-core";
import { chromium, devices } from "playwright-core";

const { url, links } = JSON.parse(process.env.MCRFLOW_PAGES);

const browsers = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const phone = { ...devices["iPhone SE"], defaultBrowserType: undefined };

let browser, context, page;
let foreign, complaints; // what was asked of others, and what the browser complained about

before(async () => {
  const executablePath = browsers.find((path) => path && existsSync(path));
  assert.ok(executablePath, "no Chromium: install it, or name it with CHROMIUM");
  browser = await chromium.launch({
    executablePath,
    chromiumSandbox: process.getuid?.() !== 0, // there is none for root
    args: ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"],
  });
});

after(() => browser?.close());

beforeEach(() => {
  foreign = [];
  complaints = [];
});

afterEach(async () => {
  assert.deepEqual(foreign, [], "nothing is loaded from anywhere else");
  assert.deepEqual(complaints, [], "the browser has nothing to complain about");
  assert.deepEqual(await context.cookies(), [], "nothing is kept in the browser");
  await context.close();
});

// open begins a visit.
async function open(path, options = {}) {
  context = await browser.newContext({ baseURL: url, locale: "en-GB", ...options });
  page = await context.newPage();
  page.on("request", (request) => request.url().startsWith(`${url}/`) || request.url().startsWith("data:") || foreign.push(request.url()));
  page.on("console", (message) => message.type() === "error" && !/status of 4\d\d/.test(message.text()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  return page.goto(path);
}

const heading = () => page.getByRole("heading", { level: 1 }).innerText();
const button = () => page.getByRole("main").getByRole("button");
const score = (n) => page.getByRole("radio", { name: String(n), exact: true });
const text = async () => (await page.getByRole("main").innerText()).replaceAll(/\s+/g, " ");
const link = (name) => page.getByRole("link", { name });

// leads waits for the page to which an act leads.
const leads = (act) => Promise.all([page.waitForEvent("load"), act]);

// readable requires what WCAG 2.2 AA asks for as far as a program can tell, and a page no wider than its screen.
async function readable() {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  assert.deepEqual(
    violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`),
    [],
  );
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= screen, `the page is ${wide} px wide, the screen ${screen}`);
}

test("a phone without scripts and without a login is enough to answer", async () => {
  const answer = await open(links.phone, { ...phone, javaScriptEnabled: false });
  assert.equal(answer.status(), 200);
  assert.equal(await heading(), "Would you recommend us?");
  assert.match(await text(), /We ask our clients a few times a year what they think of us\./, "why");
  assert.match(await text(), /Customer Relations/, "who asks");

  await score(3).tap();
  await leads(button().tap());
  assert.match(await text(), /What keeps you from recommending us\?/, "a low score is asked for its reason");
  await page.getByRole("textbox").fill('<script>alert("hostile")</script> 太贵 & slow');
  await leads(button().tap());
  assert.equal(await heading(), "Thank you");
  assert.match(await text(), /Your account manager reads every answer\./);

  assert.equal((await page.goto(links.phone)).status(), 410);
  assert.equal(await heading(), "This link has been used");
  assert.equal(await button().count(), 0);
});

test("a keyboard is enough, and leads from a fault to its question", async () => {
  await open(links.keyboard);
  await button().focus();
  await leads(page.keyboard.press("Enter"));
  assert.match(await page.title(), /^Please check:/);
  await page.getByRole("alert").getByRole("link").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  for (let n = 0; n < 9; n++) {
    await page.keyboard.press("ArrowRight");
  }
  assert.ok(await score(9).isChecked());
  await page.keyboard.press("Tab");
  assert.ok(await button().evaluate((b) => b === document.activeElement), "one Tab leaves the scale");
  await leads(page.keyboard.press("Enter"));
  assert.equal(await heading(), "Thank you");
});

test("every page can be read by everybody, on a narrow screen, in both languages", async () => {
  await open(links.readable, { ...phone, viewport: { width: 320, height: 568 } });
  for (const lang of ["en", "zh-CN"]) {
    await page.goto(`${links.readable}?lang=${lang}`);
    assert.equal(await page.locator("html").getAttribute("lang"), lang);
    await readable();
    await leads(button().tap());
    assert.equal(await page.getByRole("alert").count(), 1);
    await readable();
    await page.goto(`${links.readable}/opt-out?lang=${lang}`);
    await readable();
    assert.equal((await page.goto(`${links.readable}-of-nobody?lang=${lang}`)).status(), 404);
    await readable();
  }
  await page.goto(links.readable);
  await score(10).tap();
  await leads(button().tap());
  await readable();
  await page.goto(links.readable);
  await readable();
});

test("the reader chooses the language, and what was answered stays", async () => {
  await open(links.language);
  await leads(link("简体中文").click());
  assert.equal(await heading(), "您愿意推荐我们吗？");
  await score(2).check();
  await leads(button().click());
  assert.match(await text(), /是什么让您不愿推荐我们？/);

  await page.goto(links.language);
  assert.equal(await heading(), "Would you recommend us?");
  assert.ok(await score(2).isChecked(), "a part of the answers is kept");
  assert.match(await text(), /What keeps you from recommending us\?/);
});

test("who opts out is asked first, and then no more", async () => {
  await open(links.optOut, phone);
  await leads(link("Do not ask me again").tap());
  await leads(link("Back").tap());
  assert.equal(await heading(), "Would you recommend us?", "to follow a link changes nothing");
  await leads(link("Do not ask me again").tap());
  await leads(button().tap());
  assert.equal(await heading(), "We will not ask you again");
  await readable();
});

test("the description of the API shows every operation", async () => {
  await open("/docs");
  await page.locator(".opblock").first().waitFor();
  const shown = await page.locator(".opblock").evaluateAll((list) => list.map((operation) => operation.id.split("-").at(-1)));
  const document = await (await fetch(`${url}/openapi.yaml`)).text();
  const described = [...document.matchAll(/^ +operationId: (\w+)$/gm)].map((match) => match[1]);
  assert.ok(described.length > 0);
  assert.deepEqual(new Set(shown), new Set(described));
});
