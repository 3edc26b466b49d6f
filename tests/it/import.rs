//! `import intel`: makes a first version in Rhai from the folder of a time series analytics microservice.

use crate::util::*;
use std::path::Path;

const PYTHON: &str = "class H(Handler):\n    def point(self, point):\n        t = \
    point.fieldsDouble.get(\"temperature\", 0.0)\n        v = point.fieldsInt['speed']\n        d = \
    point.tags.get(\"device\", \"\")\n        point.fieldsDouble[\"score\"] = t * v\n";

const TICK: &str = "stream\n    |from().measurement('m')\n    @pump()\n        .limit(50.0)\n        \
    .window(5m)\n    |alert().mqtt('my_mqtt_broker')\n";

fn layout(name: &str, model: &str) -> Folder {
    let folder = Folder::new(name);
    for inner in ["udfs", "tick_scripts", "models"] {
        std::fs::create_dir(folder.path(inner)).unwrap();
    }
    folder.write("udfs/pump.py", PYTHON);
    folder.write("tick_scripts/pump.tick", TICK);
    folder.write("udfs/requirements.txt", "catboost==1.2.0\n");
    folder.write(
        "config.json",
        r#"{"udfs": {"name": "pump", "models": "pump.cb"}, "alerts": {"mqtt": {"mqtt_broker_host":
        "broker", "mqtt_broker_port": 1884, "name": "my_mqtt_broker"}, "opcua": {}}}"#,
    );
    std::fs::copy(repo("tests/data/models/cb_reg.cbm"), folder.path("models/pump.cb")).unwrap();
    if model == "pkl" {
        std::fs::remove_file(folder.path("models/pump.cb")).unwrap();
        folder.write("models/pump.pkl", "x");
    }
    folder
}

fn import(source: &Path, to: &Path) -> (Option<i32>, String, String) {
    let mut command = binary();
    let output =
        command.args(["import", "intel"]).arg(source).arg("--to").arg(to).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_folder_becomes_a_script_that_can_be_loaded_and_a_list_of_what_is_left() {
    let folder = layout("import", "cb");
    let to = folder.path("new");
    let (code, out, err) = import(&folder.path(""), &to);
    assert_eq!(code, Some(0), "{err}");
    let read = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
    let script = read("udfs/pump.rhai");
    for part in [
        "model(\"pump.cb\"",
        "[\"temperature\", \"speed\"]",
        "\"limit\": \"double\"",
        "\"window\": \"duration\"",
    ] {
        assert!(script.contains(part), "{part}: {script}");
    }
    assert_eq!(read("tick_scripts/pump.tick"), TICK);
    let conf = read("kapacitor.conf");
    assert!(conf.contains("udfs/pump.rhai") && conf.contains("tcp://broker:1884"), "{conf}");
    assert!(out.contains("'opcua'") && out.contains("requirements.txt is not imported"), "{out}");
    let check = feed(binary().arg("check").arg(to.join("udfs/pump.rhai")), &[]);
    assert_eq!(check.code, Some(0), "{}{}", check.text(), check.stderr);
    let (code, _, err) = import(&folder.path(""), &to);
    assert!(code == Some(1) && err.contains("nothing is overwritten"), "{err}");
}

#[test]
fn a_pickle_is_listed_with_the_line_that_exports_it_and_a_tar_is_read() {
    let folder = layout("import-tar", "pkl");
    let python = "class H(Handler):\n    def point(self, point):\n        for kv in point.fieldsDouble:\n\
                  \x20           if kv.key == \"wind_speed\": x = kv.value\n\
                  \x20           elif kv.key == 'grid_active_power': y = kv.value\n";
    folder.write("udfs/pump.py", python);
    let tar = folder.path("all.tar.gz");
    let files = ["udfs", "tick_scripts", "models", "config.json"];
    let packed = std::process::Command::new("tar")
        .arg("-czf")
        .arg(&tar)
        .arg("-C")
        .arg(folder.path(""))
        .args(files)
        .status();
    assert!(packed.unwrap().success());
    let to = folder.path("new");
    let (code, out, err) = import(&tar, &to);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("models/pump.pkl is a pickle") && out.contains("pump.onnx"), "{out}");
    assert!(!to.join("models/pump.pkl").exists());
    let script = std::fs::read_to_string(to.join("udfs/pump.rhai")).unwrap();
    assert!(script.contains("model(\"pump.onnx\""), "{script}");
    assert!(script.contains("[\"wind_speed\", \"grid_active_power\"]"), "{script}");
}

#[test]
fn a_folder_without_udfs_and_a_wrong_name_are_refused() {
    let folder = layout("import-wrong", "cb");
    std::fs::rename(folder.path("udfs/pump.py"), folder.path("udfs/other.py")).unwrap();
    let (code, _, err) = import(&folder.path(""), &folder.path("new"));
    assert!(code == Some(1) && err.contains("no udfs/pump.py; there is other"), "{err}");
    let empty = Folder::new("import-empty");
    let (code, _, err) = import(&empty.path(""), &empty.path("new"));
    assert!(code == Some(2) && err.contains("no udfs/NAME.py"), "{err}");
}
