"""Models of XGBoost 3.2, LightGBM 4.7 and CatBoost 1.2.10 in the files that they write themselves.

`native` in NAME.json is what the library predicts. Run: python boosters.py
"""
import os

import catboost
import lightgbm
import numpy as np
import pandas
import xgboost

from common import FOLDER, write

OUT = os.path.join(FOLDER, "boosters")
os.makedirs(OUT, exist_ok=True)
random = np.random.default_rng(11)
N, ASKED = 500, 20
X = random.normal(size=(N, 5)).astype(np.float32)
X[:, 1] = X[:, 1] * 3 + 10
first, second = random.integers(0, 12, N), random.integers(0, 3, N)
risk = X[:, 0] * 1.5 + 0.3 * (X[:, 1] - 10) + np.sin(X[:, 2] * 2) + 0.4 * (first % 3) - 0.5 * (second == 1)
y, two, three = risk.astype(np.float32), (risk > 0.7).astype(int), np.digitize(risk, [0, 1.3])
positive = np.exp(risk / 3).astype(np.float32)
counts = np.round(positive * 2)
gaps = X.copy()
gaps[::7, 0] = np.nan
gaps[3::11, 2] = np.nan
categories = np.c_[X, first, second].astype(np.float32)
categories_gaps = categories.copy()
categories_gaps[::9, 5] = np.nan
categories_gaps[1::9, 0] = np.nan


def put(name, x, value_name, kind, answer):
    """Writes the inputs and what the library answers to them."""
    answer = np.asarray(answer)
    if kind == "two":
        answer = answer.ravel()
        outputs = {"label": (answer > 0.5).astype(int), "probabilities": np.c_[1 - answer, answer]}
    elif kind == "many":
        outputs = {"label": answer.argmax(1), "probabilities": answer}
    elif kind == "label":
        outputs = {"label": answer.astype(int)}
    else:
        outputs = {value_name: answer.reshape(len(x), -1)}
    outputs = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in outputs.items()}
    write("boosters", name, {"features": np.asarray(x, np.float32)}, "native", outputs)


def xgb(name, parameters, x, y, kind="value", rounds=5, types=None, stop=None):
    data = xgboost.DMatrix(x, label=y, feature_types=types, enable_categorical=types is not None)
    parameters = {"nthread": 1, "seed": 1, "max_depth": 3, "learning_rate": 0.5, **parameters}
    more = {"evals": [(data, "t")], "early_stopping_rounds": stop, "verbose_eval": False} if stop else {}
    model = xgboost.train(parameters, data, rounds, **more)
    asked = xgboost.DMatrix(x[:ASKED], feature_types=types, enable_categorical=types is not None)
    best = {"iteration_range": (0, model.best_iteration + 1)} if stop else {}
    put(f"xgb_{name}", x[:ASKED], "variable", kind, model.predict(asked, **best))
    for end in ("xgb.json", "ubj"):
        model.save_model(os.path.join(OUT, f"xgb_{name}.{end}"))


softprob = {"objective": "multi:softprob", "num_class": 3}
xgb("regressor", {}, gaps, y)
xgb("poisson", {"objective": "count:poisson"}, X, counts)
xgb("logistic", {"objective": "reg:logistic"}, X, two)
xgb("quantiles", {"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.8]}, X, y)
xgb("two_base", {"objective": "binary:logistic", "base_score": 0.2}, X, two, "two")
xgb("two_raw", {"objective": "binary:logitraw"}, X, two)
xgb("hinge", {"objective": "binary:hinge"}, X, two)
xgb("three", softprob, X, three, "many")
xgb("three_max", {**softprob, "objective": "multi:softmax"}, X, three, "label")
xgb("dart", {"booster": "dart", "rate_drop": 0.3}, X, y)
xgb("dart_three", {"booster": "dart", "rate_drop": 0.3, **softprob}, X, three, "many")
xgb("linear", {"booster": "gblinear"}, X, y)
xgb("linear_three", {"booster": "gblinear", **softprob}, X, three, "many")
for limit in (4, 30):
    both = {"max_cat_to_onehot": limit, "tree_method": "hist"}
    xgb(f"categories_{limit}", both, categories, y, types=["q"] * 5 + ["c", "c"])
    xgb(f"categories_gaps_{limit}", {**both, "objective": "binary:logistic"}, categories_gaps, two, "two",
        types=["q"] * 5 + ["c", "c"])
xgb("parallel", {"num_parallel_tree": 3, "subsample": 0.8, **softprob}, X, three, "many", rounds=2)
xgb("stopped", {"learning_rate": 1.0}, X, y, rounds=12, stop=2)
xgb("two_targets", {"tree_method": "hist"}, X, np.c_[y, y * 2])


def lgb(name, parameters, x, y, kind="value", rounds=5, columns="auto"):
    data = lightgbm.Dataset(x, label=y, categorical_feature=columns, free_raw_data=False)
    fixed = {"verbose": -1, "num_threads": 1, "seed": 1, "min_data_in_leaf": 5, "num_leaves": 8}
    model = lightgbm.train({**fixed, "deterministic": True, "learning_rate": 0.4, **parameters}, data, rounds)
    put(f"lgb_{name}", x[:ASKED], "variable", kind, model.predict(x[:ASKED]))
    model.save_model(os.path.join(OUT, f"lgb_{name}.txt"))


zeros = np.where(random.random(X.shape) < 0.2, 0, X).astype(np.float32)
part = {"bagging_freq": 1, "bagging_fraction": 0.7}
classes = {"objective": "multiclass", "num_class": 3}
lgb("regressor", {}, gaps, y)
lgb("zero_as_missing", {"zero_as_missing": True}, zeros, y)
lgb("no_missing", {"use_missing": False}, gaps, y)
lgb("sqrt", {"objective": "regression", "reg_sqrt": True}, X, y)
lgb("tweedie", {"objective": "tweedie"}, X, positive)
lgb("cross_entropy_lambda", {"objective": "cross_entropy_lambda"}, X, two)
lgb("two", {"objective": "binary", "sigmoid": 2.5}, X, two, "two")
lgb("three", classes, X, three, "many")
lgb("one_versus_all", {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.7}, X, three, "many")
lgb("dart", {"boosting": "dart", **part}, X, y)
lgb("random_forest", {"boosting": "rf", **part}, X, y)
lgb("random_forest_three", {"boosting": "rf", **part, **classes}, X, three, "many")
lgb("categories", {"min_data_per_group": 5, "cat_smooth": 1}, categories, y, columns=[5, 6])
lgb("categories_gaps", {"min_data_per_group": 5, "cat_smooth": 1, "objective": "binary"}, categories_gaps, two,
    "two", columns=[5, 6])
lgb("constant", {"min_data_in_leaf": 400}, X, y)


def cat(name, model, parameters, x, y, kind="value", columns=None):
    fixed = dict(iterations=5, depth=3, thread_count=1, verbose=0, random_seed=1, allow_writing_files=False)
    fixed.update(parameters)
    if fixed.get("grow_policy") == "Lossguide":
        fixed.update(depth=6, max_leaves=8)
    model = model(**fixed).fit(x, y, cat_features=columns)
    asked = x[:ASKED]
    if kind == "value":
        put(f"cb_{name}", asked, "predictions", kind, model.predict(asked))
    else:
        outputs = {"label": np.asarray(model.predict(asked)).ravel(),
                   "probabilities": model.predict_proba(asked).astype(np.float32)}
        write("boosters", f"cb_{name}", {"features": asked}, "native", outputs)
    for end, form in (("cb.json", "json"), ("cbm", "cbm")):
        model.save_model(os.path.join(OUT, f"cb_{name}.{end}"), format=form)


regressor, classifier = catboost.CatBoostRegressor, catboost.CatBoostClassifier
cat("gaps_min", regressor, {}, gaps, y)
cat("gaps_max", regressor, {"nan_mode": "Max"}, gaps, y + 100)
cat("poisson", regressor, {"loss_function": "Poisson"}, X, counts)
cat("two_targets", regressor, {"loss_function": "MultiRMSE"}, X, np.c_[y, y * 2])
cat("two", classifier, {}, X, np.where(two, "bad", "good"), "classes")
cat("three", classifier, {}, X, np.array(["normal", "wear", "fault"])[three], "classes")
cat("one_versus_all", classifier, {"loss_function": "MultiClassOneVsAll"}, X, three, "classes")
for policy in ("Depthwise", "Lossguide"):
    cat(policy.lower(), regressor, {"grow_policy": policy}, gaps, y)
    cat(f"{policy.lower()}_three", classifier, {"grow_policy": policy}, X, three, "classes")

# What cannot be evaluated and has to be refused by name.
refused = os.path.join(FOLDER, "refused")
os.makedirs(refused, exist_ok=True)
frame = pandas.DataFrame(X)
frame[5], frame[6] = first, second
for name, most in (("one_hot", 50), ("counters", 1)):
    model = regressor(iterations=10, depth=4, thread_count=1, verbose=0, random_seed=1, allow_writing_files=False,
                      one_hot_max_size=most).fit(frame, y, cat_features=[5, 6])
    model.save_model(os.path.join(refused, f"cb_{name}.cbm"))
    pool = catboost.Pool(frame, cat_features=[5, 6])
    model.save_model(os.path.join(refused, f"cb_{name}.cb.json"), format="json", pool=pool)
data = lightgbm.Dataset(X, label=y, free_raw_data=False)
lightgbm.train({"verbose": -1, "num_threads": 1, "linear_tree": True, "num_leaves": 4}, data, 2).save_model(
    os.path.join(refused, "lgb_linear_trees.txt"))
data = xgboost.DMatrix(X, label=np.c_[y, y * 2])
xgboost.train({"tree_method": "hist", "multi_strategy": "multi_output_tree", "max_depth": 2}, data, 2).save_model(
    os.path.join(refused, "xgb_vector_leaves.ubj"))
