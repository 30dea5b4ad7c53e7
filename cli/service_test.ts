import assert from "node:assert/strict";
import { CliBed } from "../tests/cli_bed.ts";
import { launchdPlist, systemdUnit, windowsTask } from "./service_text.ts";

const wish = {
  executable: "/opt/my realm/realm",
  dataDir: "/var/lib/realm 100%",
  options: ["--tags", "a,b", "--name", 'the "first" $HOME'],
  system: true,
};

Deno.test({
  name: "systemd accepts the unit, of the machine and of a user, with blanks, quotes and signs in its words",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "realm-unit-" });
    try {
      for (
        const [name, unit] of [["machine", { ...wish, user: "root" }], ["user", {
          ...wish,
          system: false,
        }]] as const
      ) {
        const text = systemdUnit({ ...unit, executable: "/bin/true" });
        assert.match(
          text,
          /ExecStart="\/bin\/true" "up" "--data-dir" "\/var\/lib\/realm 100%%" "--tags" "a,b"/,
        );
        assert.match(text, /"the \\"first\\" \$\$HOME"/);
        await Deno.writeTextFile(`${dir}/${name}.service`, text);
        const command = new Deno.Command("systemd-analyze", {
          args: ["verify", "--man=no", `${dir}/${name}.service`],
        });
        let out: Deno.CommandOutput;
        try {
          out = await command.output();
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
          console.log("not looked at: this machine has no systemd-analyze");
          return;
        }
        const said = new TextDecoder().decode(out.stderr).split("\n").filter((l) =>
          l.includes(`${name}.service`)
        );
        assert.deepEqual(said, []);
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("definitions for launchd and Windows escape what stands in them", () => {
  const plist = launchdPlist({ ...wish, dataDir: "/a & <b>" });
  assert.match(plist, /<string>\/a &amp; &lt;b&gt;<\/string>/);
  assert.match(plist, /<string>the &quot;first&quot; \$HOME<\/string>/);
  const task = windowsTask({ ...wish, executable: "C:\\Realm\\realm.exe", dataDir: "C:\\data dir\\" });
  assert.match(task, /<Command>C:\\Realm\\realm\.exe<\/Command>/);
  assert.match(task, /up --data-dir &quot;C:\\data dir\\\\&quot; --tags a,b/);
  assert.match(task, /&quot;the \\&quot;first\\&quot; \$HOME&quot;/);
});

Deno.test("realm service: a run from source is not installed, --print shows, wrong options are refused as by 'realm up'", async () => {
  await using bed = await CliBed.open();
  const installed = await bed.run("service", "install");
  assert.equal(installed.code, 2);
  assert.match(installed.stderr, /a run from source cannot be installed as a service/);
  const shown = await bed.run("service", "install", "--print", "--tags", "edge", "--no-mdns");
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^ExecStart=.*"--tags" "edge" "--no-mdns"$/m);
  const wrong = await bed.run("service", "install", "--print", "--gateway", "nowhere");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--gateway is HOST:PORT/);
});
