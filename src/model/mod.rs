//! Trained models: ONNX graphs and the files of CatBoost, XGBoost and LightGBM.
//!
//! This module knows neither scripts nor the protocol. A model is loaded from untrusted bytes: every index, shape and
//! cycle is checked at load, sizes are bounded, and a run can be stopped between operators and every few thousand
//! rows. One thread computes in a fixed order with functions of `libm`, so each machine gives the same bits, and a
//! row alone gives those that it has in a batch.
//!
//! - [`Model`] is a loaded model; [`Model::run`] takes tensors by name.
//! - [`Model::predict`] takes rows of features and interprets the outputs.
//! - `onnx` reads and runs graphs, `boosted` the boosting libraries' own files, `forest` holds
//!   the trees of both.

mod answer;
mod boosted;
mod error;
mod forest;
pub mod json;
mod math;
mod onnx;
mod port;
mod predict;
mod run;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

pub use answer::{Answer, AnswerName, Meaning, Prediction};
pub use error::ModelError;
pub use port::{Port, PortKind};
pub use predict::{Layout, Rows};
pub use run::Run;
pub use tensor::{Data, Kind, MAX_RANK, Shape, Tensor};
pub use value::{Labels, Maps, Value};

use answer::Roles;
use boosted::Boosted;
use error::Result;
use onnx::Onnx;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use value::Values;

/// The largest models that are loaded unless the caller gives other limits.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// A loaded model. It never changes and can be shared.
pub struct Model {
    /// The format of the file, as `ONNX`.
    pub format: &'static str,
    /// The program that wrote the file, if the file names it.
    pub producer: String,
    /// The inputs.
    pub inputs: Vec<Port>,
    /// The outputs.
    pub outputs: Vec<Port>,
    /// The names of the classes, where the model has some.
    pub labels: Option<Labels>,
    /// The names of the columns in their order, where the model has some.
    pub features: Option<Vec<String>>,
    /// The operators or the kind of trees that the model consists of.
    pub operators: Vec<String>,
    /// The size of the file.
    pub bytes: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    roles: Roles,
    engine: Engine,
    /// How many columns rows have that go through the pipeline that the graph is; none where it is no pipeline.
    pipeline: Option<usize>,
}

enum Engine {
    Onnx(Box<Onnx>),
    Boosted(Box<Boosted>),
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("format", &self.format).field("digest", &self.digest).finish()
    }
}

impl Model {
    /// Reads a model of any known format; the contents say which it is.
    ///
    /// # Errors
    /// Unknown formats, damaged files, operators that are not supported, files over `limit` bytes.
    pub fn load(bytes: &[u8], limit: u64) -> std::result::Result<Self, ModelError> {
        if bytes.len() as u64 > limit {
            return Err(ModelError::TooLarge { bytes: bytes.len() as u64, limit });
        }
        let digest = hex(&Sha256::digest(bytes));
        let mut model = match boosted::read(bytes)? {
            Some(boosted) => Self::boosted(boosted),
            None => Self::onnx(Onnx::read(bytes).map_err(|error| unknown(bytes, error))?),
        };
        model.pipeline = model.pipeline();
        model.bytes = bytes.len();
        model.digest = digest;
        Ok(model)
    }

    fn onnx(onnx: Onnx) -> Self {
        let mut features = onnx.features.clone();
        if features.is_none() && onnx.inputs.len() > 1 && onnx.inputs.iter().all(is_column) {
            features = Some(onnx.inputs.iter().map(|input| input.name.clone()).collect());
        }
        let opset = if onnx.opset > 0 { format!(", opset {}", onnx.opset) } else { String::new() };
        Self {
            format: "ONNX",
            producer: format!("{}{opset}", onnx.producer),
            inputs: onnx.inputs.clone(),
            outputs: onnx.outputs.clone(),
            labels: onnx.labels.clone(),
            features,
            operators: onnx.operators.clone(),
            bytes: 0,
            digest: String::new(),
            roles: Roles::new(&onnx.outputs, onnx.labels.as_ref()),
            engine: Engine::Onnx(Box::new(onnx)),
            pipeline: None,
        }
    }

    fn boosted(boosted: Boosted) -> Self {
        let outputs = boosted.outputs();
        Self {
            format: boosted.format,
            producer: boosted.producer.clone(),
            inputs: vec![Port::table("features", boosted.columns)],
            roles: Roles::new(&outputs, boosted.labels.as_ref()),
            outputs,
            labels: boosted.labels.clone(),
            features: boosted.features.clone(),
            operators: vec![boosted.describe()],
            bytes: 0,
            digest: String::new(),
            engine: Engine::Boosted(Box::new(boosted)),
            pipeline: None,
        }
    }

    /// Runs the model on inputs by name; the only input of a model may have any name.
    ///
    /// # Errors
    /// Inputs of other names, shapes or kinds; what operators refuse; the end of the run.
    pub fn run(
        &self,
        inputs: &[(String, Value)],
        run: &Run<'_>,
    ) -> std::result::Result<Vec<(String, Value)>, ModelError> {
        let mut ordered = Vec::with_capacity(self.inputs.len());
        for port in &self.inputs {
            let named = inputs.iter().find(|(name, _)| *name == port.name);
            let only = (self.inputs.len() == 1 && inputs.len() == 1).then(|| &inputs[0]);
            let Some((_, value)) = named.or(only) else {
                return Err(self.no_input(&port.name, inputs));
            };
            ordered.push(value);
        }
        if let Some((name, _)) = inputs.iter().find(|(name, _)| {
            inputs.len() > self.inputs.len() && !self.inputs.iter().any(|port| port.name == *name)
        }) {
            let names: Vec<_> = self.inputs.iter().map(|port| port.name.as_str()).collect();
            let text = format!("the model has no input '{name}'; it has {}", names.join(", "));
            return Err(ModelError::Input(text));
        }
        let outputs = self.evaluate(&ordered, run)?;
        Ok(self.outputs.iter().map(|port| port.name.clone()).zip(outputs).collect())
    }

    fn no_input(&self, missing: &str, given: &[(String, Value)]) -> ModelError {
        let given: Vec<_> = given.iter().map(|(name, _)| name.as_str()).collect();
        let given = if given.is_empty() { "nothing".into() } else { given.join(", ") };
        ModelError::Input(format!("input '{missing}' of the model is missing; {given} is given"))
    }

    /// The columns of the table that the model takes, where its graph is a pipeline.
    fn pipeline(&self) -> Option<usize> {
        let (Engine::Onnx(onnx), [port]) = (&self.engine, &self.inputs[..]) else { return None };
        let float = port.kind == PortKind::Tensor(Kind::Float);
        let table = matches!(port.shape.as_deref(), Some([None, _]));
        match self.layout() {
            Ok(Layout::Table { columns }) if float && table && onnx.is_pipeline() => Some(columns),
            _ => None,
        }
    }

    /// Runs the model on values in the order of its inputs.
    pub(crate) fn evaluate(&self, inputs: &[&Value], run: &Run<'_>) -> Result<Values> {
        for (port, value) in self.inputs.iter().zip(inputs) {
            check(port, value)?;
        }
        match &self.engine {
            Engine::Onnx(onnx) => {
                let inputs: SmallVec<[Option<&Value>; 8]> =
                    inputs.iter().copied().map(Some).collect();
                onnx.run(&inputs, run)
            }
            Engine::Boosted(boosted) => boosted.run(inputs[0].tensor()?, run),
        }
    }
}

fn is_column(port: &Port) -> bool {
    matches!(port.kind, PortKind::Tensor(_))
        && matches!(port.shape.as_deref(), Some([_, Some(1)] | [None]))
}

/// Refuses a value that the model does not declare for this input.
fn check(port: &Port, value: &Value) -> Result<()> {
    let Value::Tensor(tensor) = value else { return Ok(()) };
    if let PortKind::Tensor(kind) = port.kind {
        let given = tensor.data().kind();
        if (kind == Kind::Text) != (given == Kind::Text) {
            let text = format!("input {port} is given as {}", given.name());
            return Err(ModelError::Input(text));
        }
    }
    if port.takes(tensor.shape()) {
        return Ok(());
    }
    Err(ModelError::Input(format!("input {port} is given with the shape {}", tensor.shape())))
}

/// The probable kind of a file that is not an ONNX model.
fn unknown(bytes: &[u8], error: ModelError) -> ModelError {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let (what, advice) = if starts(b"\x89HDF") {
        ("a Keras or HDF5 file", advice::KERAS)
    } else if starts(b"PK\x03\x04") {
        ("a PyTorch or zip file", advice::TORCH)
    } else if starts(b"\x80") && bytes.get(1).is_some_and(|&version| (2..=5).contains(&version)) {
        ("a pickle", advice::PICKLE)
    } else {
        return error;
    };
    ModelError::Python { what, advice }
}

/// The lines of Python that export models which only Python can read.
pub mod advice {
    /// For a pickle or a joblib file of scikit-learn.
    pub const PICKLE: &str = "import joblib, skl2onnx; m = joblib.load(\"model.pkl\"); \
        open(\"model.onnx\", \"wb\").write(skl2onnx.to_onnx(m, X[:1].astype(\"float32\"), \
        options={\"zipmap\": False}).SerializeToString())";
    /// For a file of Keras.
    pub const KERAS: &str = "import keras; \
        keras.models.load_model(\"model.h5\").export(\"model.onnx\", format=\"onnx\")";
    /// For a file of PyTorch.
    pub const TORCH: &str = "import torch; m = torch.load(\"model.pt\", weights_only=False).eval(); \
        torch.onnx.export(m, (example,), \"model.onnx\", external_data=False)";

    /// What a file is by the end of its name, and how it is exported, where only Python reads it.
    pub fn by_extension(extension: &str) -> Option<(&'static str, &'static str)> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "pkl" | "pickle" | "joblib" => ("a pickle", PICKLE),
            "h5" | "hdf5" | "keras" => ("a Keras file", KERAS),
            "pt" | "pth" => ("a PyTorch file", TORCH),
            _ => return None,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
