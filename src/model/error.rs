//! The errors of models and of their inputs.

/// The result of the functions of this module.
pub(crate) type Result<T> = std::result::Result<T, ModelError>;

/// A model that cannot be loaded, or inputs that it cannot be run on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The bytes are none of the formats that are read.
    #[error(
        "this is no model that can be read: ONNX, CatBoost (JSON and .cbm), XGBoost (JSON and \
         UBJSON) and LightGBM (text) are known"
    )]
    UnknownFormat,
    /// The file belongs to Python; the advice says how to export it.
    #[error("{what} can only be read by Python; export the model there: {advice}")]
    Python {
        /// The kind of the file.
        what: &'static str,
        /// The line of Python that writes a file which can be read.
        advice: &'static str,
    },
    /// The file is of a known format, but its contents contradict themselves or end too early.
    #[error("the model is damaged: {0}")]
    Damaged(String),
    /// The model is whole, but needs something that is not implemented.
    #[error("the model needs {0}, which is not supported")]
    Unsupported(String),
    /// An operator refused its attributes or its inputs.
    #[error("operator {operator}{}: {source}", at(.name))]
    Operator {
        /// The operator's type.
        operator: String,
        /// The node's name; it may be empty.
        name: String,
        /// Why it refused.
        source: Box<ModelError>,
    },
    /// Shapes or types of tensors that do not fit together.
    #[error("{0}")]
    Data(String),
    /// The inputs of a run are not those of the model.
    #[error("{0}")]
    Input(String),
    /// The file is larger than allowed.
    #[error("the model has at least {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The size of the file, as far as it was read.
        bytes: u64,
        /// The size that is allowed.
        limit: u64,
    },
    /// The tensors of a run need more memory than allowed.
    #[error("the model's tensors need more than the {limit} bytes of memory that are allowed")]
    Memory {
        /// The bytes that are allowed.
        limit: usize,
    },
    /// The caller asked the run to stop.
    #[error("the model was stopped: it ran for too long")]
    Stopped,
}

fn at(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" '{name}'") }
}

impl ModelError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(crate) fn data(what: impl Into<String>) -> Self {
        Self::Data(what.into())
    }

    /// Says in which operator an error arose; an end by the caller's wish stays what it is.
    pub(crate) fn within(self, operator: &str, name: &str) -> Self {
        match self {
            Self::Stopped | Self::Memory { .. } | Self::Unsupported(_) => self,
            source => Self::Operator {
                operator: operator.into(),
                name: name.into(),
                source: Box::new(source),
            },
        }
    }
}
