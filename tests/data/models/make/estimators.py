"""Estimators of scikit-learn 1.9.1 by skl2onnx 1.20 that need more than a forest or a linear model.

`outputs` are onnxruntime's 1.31.1. Run: python estimators.py
"""
import numpy as np
import onnx.helper
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier, IsolationForest, StackingRegressor
from sklearn.impute import KNNImputer
from sklearn.linear_model import LinearRegression
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, PolynomialFeatures, PowerTransformer, QuantileTransformer
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeRegressor

from common import onnx_model

# skl2onnx writes truth values where onnx 1.23 wants integers.
attribute = onnx.helper.make_attribute


def whole(value):
    whole_one = lambda x: int(x) if isinstance(x, (bool, np.bool_)) else x
    return [whole_one(x) for x in value] if isinstance(value, (list, tuple, np.ndarray)) else whole_one(value)


onnx.helper.make_attribute = lambda key, value, *a, **more: attribute(key, whole(value), *a, **more)

random = np.random.default_rng(5)
X = random.normal(size=(80, 4)).astype(np.float32)
X[:, 1] = X[:, 1] * 3 + 10
risk = X[:, 0] * 1.5 + 0.3 * (X[:, 1] - 10) + np.sin(X[:, 2] * 2)
y, two, three = risk.astype(np.float32), (risk > 0.7).astype(int), np.digitize(risk, [-0.5, 1.0])
gaps = X.copy()
gaps[::7, 0] = np.nan
gaps[3::11, 2] = np.nan


def put(name, estimator, target=None, x=X, **more):
    estimator.fit(x) if target is None else estimator.fit(x, target)
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
    model = to_onnx(estimator, x[:1], options=options, target_opset={"": 19, "ai.onnx.ml": 3}, **more)
    onnx_model("estimators", name, model.SerializeToString(), {model.graph.input[0].name: x[:12]})


put("knn_imputer", KNNImputer(n_neighbors=3), x=gaps)
put("hist_gradient_boosting", HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=6), three, x=gaps)
put("isolation_forest", IsolationForest(n_estimators=6, max_samples=24, random_state=0))
put("local_outlier_factor", LocalOutlierFactor(novelty=True, n_neighbors=5))
put("one_class_poly", OneClassSVM(kernel="poly"))
put("svr_linear", SVR(kernel="linear"), y)
put("svr_poly", SVR(kernel="poly"), y)
put("svc_linear", SVC(kernel="linear"), two)
put("nu_svc", NuSVC(nu=0.3), three)
put("mini_batch_kmeans", MiniBatchKMeans(3, n_init=1, random_state=0))
put("gaussian_mixture", GaussianMixture(3, random_state=0))
put("bayesian_mixture", BayesianGaussianMixture(n_components=2, random_state=0))
put("naive_bayes", GaussianNB(), three)
put("neighbours", KNeighborsClassifier(weights="distance"), three)
put("calibrated", CalibratedClassifierCV(SVC(kernel="rbf"), cv=2), two)
put("isotonic", CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic"), two)
put("ada_boost", AdaBoostClassifier(n_estimators=3), three)
put("stacking", StackingRegressor([("a", LinearRegression()), ("b", DecisionTreeRegressor(max_depth=3))]), y)
put("polynomial", make_pipeline(PolynomialFeatures(2), LinearRegression()), y)
put("power", PowerTransformer())
put("quantiles", QuantileTransformer(n_quantiles=20))
put("bins", KBinsDiscretizer(4, encode="onehot-dense"))
