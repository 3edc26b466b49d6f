//! The operators of `ai.onnx.ml`: what scikit-learn and the boosting libraries export.

mod encode;
mod linear;
mod scale;
mod svm;
mod transform;
mod tree_classifier;
mod tree_ensemble;
mod trees;

use super::kernel::{Kernel, Node};
use crate::model::error::Result;

/// The kernel of an operator of this domain; none where it is not supported.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    Ok(Some(match node.operator.as_str() {
        "TreeEnsembleClassifier" => tree_classifier::classifier(node)?,
        "TreeEnsembleRegressor" => trees::regressor(node)?,
        "TreeEnsemble" => tree_ensemble::ensemble(node)?,
        "LinearClassifier" => linear::classifier(node)?,
        "LinearRegressor" => linear::regressor(node)?,
        "SVMClassifier" => svm::classifier(node)?,
        "SVMRegressor" => svm::regressor(node)?,
        "Scaler" => scale::scaler(node)?,
        "Normalizer" => scale::normalizer(node)?,
        "Imputer" => scale::imputer(node)?,
        "Binarizer" => scale::binarizer(node),
        "ArrayFeatureExtractor" => scale::extractor(),
        "FeatureVectorizer" => scale::vectorizer(),
        "OneHotEncoder" => encode::one_hot(node)?,
        "LabelEncoder" => encode::labels(node)?,
        "CategoryMapper" => encode::categories(node)?,
        "ZipMap" => encode::zip_map(node)?,
        "DictVectorizer" => encode::dictionary(node)?,
        _ => return Ok(None),
    }))
}
