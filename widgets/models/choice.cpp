// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/choice.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/quant/static_settings.h"
#include "widgets/core_text.h"
#include "widgets/models/option_text.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <array>
#include <charconv>
#include <optional>

namespace gradus {

namespace {
const QString floatValue = QStringLiteral("float");
const QString noClip = QStringLiteral("none");

[[noreturn]] void refuse(const char* field, const QString& value, const char* expected)
{
    throw Error(ErrorCode::Usage,
                std::string(field) + " is \"" + value.toStdString() + "\", expected " + expected);
}

/// "low,high"; nothing when it is anything else.
std::optional<ClipLimits> limitsFrom(const QString& value)
{
    const QStringList parts = value.split(QLatin1Char(','));
    if (parts.size() != 2)
        return std::nullopt;
    bool isLow = false;
    bool isHigh = false;
    const ClipLimits limits{parts[0].trimmed().toFloat(&isLow),
                            parts[1].trimmed().toFloat(&isHigh)};
    return isLow && isHigh ? std::optional(limits) : std::nullopt;
}

/// The same; nothing for "none".
std::optional<ClipLimits> clipOf(const QString& value)
{
    if (value == noClip)
        return std::nullopt;
    const auto limits = limitsFrom(value);
    if (!limits)
        refuse("clip", value, "none, or two numbers such as -0.1,0.1");
    return limits;
}

/// A power grid is symmetric whatever the scheme says.
QString symmetryText(const LayerChoice& choice)
{
    return choice.scheme.symmetric || powerGridOf(choice.method)
               ? QCoreApplication::translate("Choice", "symmetric")
               : QCoreApplication::translate("Choice", "asymmetric");
}

/// What fieldValues calls the value; the value itself when it is not listed.
QString listedText(ChoiceField field, const QString& value)
{
    for (const FieldValue& listed : fieldValues(field)) {
        if (listed.value == value)
            return listed.text;
    }
    return value;
}

QString limitsText(const ClipLimits& limits)
{
    const auto text = [](float x) { return toQString(formatReal(static_cast<double>(x), 3)); };
    return QCoreApplication::translate("Choice", "[%1, %2]")
        .arg(text(limits.low), text(limits.high));
}

QString methodTitle(const MethodOptions& options)
{
    const std::string_view name = methodName(options);
    const MethodDescription* description = findMethod(name);
    return description ? coreText(description->title) : toQString(name);
}

const QString ofMethod = QStringLiteral("method");
const QString asInputs = QStringLiteral("as-inputs");
const QString clipped = QStringLiteral("least-error");
const QString unclipped = QStringLiteral("largest");
const QString shifted = QStringLiteral("shift");
const QString unshifted = QStringLiteral("none");

/// Of q, k and v, or of the softmax.
int attentionBitsOf(const char* field, const QString& value)
{
    if (value == asInputs)
        return -1;
    if (value == floatValue)
        return 0;
    bool isNumber = false;
    const int bits = value.toInt(&isNumber);
    if (!isNumber || bits < 2 || bits > 8)
        refuse(field, value, "as-inputs, float, or 2 to 8");
    return bits;
}

QString attentionBitsValue(int bits)
{
    return bits < 0 ? asInputs : bits == 0 ? floatValue : QString::number(bits);
}

void editUniformInputs(ActivationChoice& inputs, ChoiceField field, const QString& value)
{
    const std::string name = value.toStdString();
    if (field == ChoiceField::InputQuantizer) {
        const auto quantizer = activationQuantizerFromName(name);
        if (!quantizer)
            refuse("quantizer of the inputs", value, "method, power or uniform");
        inputs.quantizer = *quantizer;
    } else if (field == ChoiceField::InputRange) {
        inputs.range = inputRangeFromName(name);
        if (!inputs.range && value != ofMethod)
            refuse("range of the inputs", value, "method, min-max, percentile or mse");
    } else if (field == ChoiceField::InputGranularity) {
        const auto granularity = inputGranularityFromName(name);
        if (!granularity)
            refuse("granularity of the inputs", value, "method, tensor or channel");
        inputs.granularity = *granularity;
    } else if (field == ChoiceField::SoftmaxQuantizer) {
        inputs.softmax = probabilityQuantizerFromName(name);
        if (!inputs.softmax && value != ofMethod)
            refuse("quantizer of the softmax", value, "method, log-sqrt2, log2 or uniform");
    } else if (field == ChoiceField::AttentionBits) {
        inputs.attentionBits = attentionBitsOf("bits of q, k and v", value);
    } else {
        inputs.probabilityBits = attentionBitsOf("bits of the softmax", value);
    }
}

void editInputs(ActivationChoice& inputs, ChoiceField field, const QString& value)
{
    bool isNumber = false;
    if (field == ChoiceField::InputBits) {
        inputs.bits = value == floatValue ? 0 : value.toInt(&isNumber);
        if (value != floatValue && (!isNumber || inputs.bits < 2 || inputs.bits > 8))
            refuse("bits of the inputs", value, "2 to 8, or float");
    } else if (field == ChoiceField::InputExponent) {
        const auto exponent = activationExponentFromName(value.toStdString());
        if (!exponent)
            refuse("exponent of the inputs", value, "searched, shared, half or uniform");
        inputs.exponent = *exponent;
    } else if (field == ChoiceField::InputClip) {
        if (value != clipped && value != unclipped)
            refuse("limit of the inputs", value, "least-error or largest");
        inputs.clip = value == clipped;
    } else {
        if (value != shifted && value != unshifted)
            refuse("shift of the inputs", value, "shift or none");
        inputs.shift = value == shifted;
    }
}

/// A layer that nobody has chosen anything for.
bool floatByDefault(const LayerChoice& choice)
{
    LayerChoice untouched;
    untouched.keepFloat = true;
    return choice == untouched;
}

bool hasOption(const LayerChoice& choice, const QString& option)
{
    const MethodDescription* description = findMethod(methodName(choice.method));
    if (!description)
        return false;
    for (const OptionDescription& o : description->options) {
        if (toQString(o.name) == option)
            return true;
    }
    return false;
}
} // namespace

bool applies(const LayerChoice& choice, const ChoiceEdit& edit)
{
    switch (edit.field) {
    case ChoiceField::Method:
    case ChoiceField::Bits:
        return true;
    case ChoiceField::Option:
        return !choice.keepFloat && hasOption(choice, edit.option);
    case ChoiceField::Group:
    case ChoiceField::Symmetry:
    case ChoiceField::ScaleType:
    case ChoiceField::Clip:
    case ChoiceField::InputBits:
    case ChoiceField::InputQuantizer:
        break;
    case ChoiceField::InputExponent:
    case ChoiceField::InputClip:
    case ChoiceField::InputShift:
        return !choice.keepFloat && choice.activation.enabled() && !hasUniformInputs(choice);
    case ChoiceField::InputRange:
    case ChoiceField::InputGranularity:
        return choice.activation.enabled() && hasUniformInputs(choice);
    case ChoiceField::SoftmaxQuantizer:
        return choice.activation.bitsOfProbabilities() > 0 && hasUniformInputs(choice);
    case ChoiceField::AttentionBits:
    case ChoiceField::SoftmaxBits:
        return hasUniformInputs(choice);
    }
    return !choice.keepFloat;
}

bool isOfPowerInputs(ChoiceField field)
{
    return field == ChoiceField::InputExponent || field == ChoiceField::InputClip ||
           field == ChoiceField::InputShift;
}

bool isOfAttention(ChoiceField field)
{
    return field == ChoiceField::SoftmaxQuantizer || field == ChoiceField::AttentionBits ||
           field == ChoiceField::SoftmaxBits;
}

bool isOfUniformInputs(ChoiceField field)
{
    return field == ChoiceField::InputRange || field == ChoiceField::InputGranularity ||
           isOfAttention(field);
}

bool isOfInputs(ChoiceField field)
{
    return field == ChoiceField::InputBits || field == ChoiceField::InputQuantizer ||
           isOfPowerInputs(field) || isOfUniformInputs(field);
}

bool hasUniformInputs(const LayerChoice& choice)
{
    return !choice.keepFloat &&
           quantizerOf(choice.activation, choice.method) == ActivationQuantizer::Uniform;
}

LayerChoice edited(const LayerChoice& choice, const ChoiceEdit& edit, const LayerChoice& standard)
{
    LayerChoice next = choice;
    const QString value = edit.value.trimmed();
    const bool toFloat = value == floatValue;
    if (edit.field == ChoiceField::Method || edit.field == ChoiceField::Bits) {
        if (toFloat) {
            next.keepFloat = true;
            return next;
        }
        if (floatByDefault(choice))
            next = standard;
        next.keepFloat = false;
    }

    bool isNumber = false;
    switch (edit.field) {
    case ChoiceField::Method: {
        const MethodDescription* description = findMethod(value.toStdString());
        if (!description)
            refuse("method", value, "one of the listed methods or float");
        if (methodName(next.method) != description->name) {
            const bool asBrought =
                next.activation == defaultActivation(next.method, next.activation.bits);
            const bool wasFloat = !next.activation.enabled();
            const bool wasStatic = isStaticMethod(next.method);
            next.method = description->defaults;
            if (wasFloat ? isStaticMethod(next.method) && next.activation == ActivationChoice()
                         : asBrought && wasStatic && !isStaticMethod(next.method))
                next.activation = defaultActivation(next.method, next.scheme.bits);
        }
        break;
    }
    case ChoiceField::Bits: {
        const int bits = value.toInt(&isNumber);
        if (!isNumber || bits < 2 || bits > 8)
            refuse("bits", value, "2 to 8, or float");
        next.scheme.bits = bits;
        break;
    }
    case ChoiceField::Group:
        next.scheme.groupSize = 0;
        if (value == QLatin1String("channel")) {
            next.scheme.granularity = Granularity::Channel;
        } else if (value == QLatin1String("tensor")) {
            next.scheme.granularity = Granularity::Tensor;
        } else {
            const qlonglong size = value.toLongLong(&isNumber);
            if (!isNumber || size < 1)
                refuse("group", value, "channel, tensor, or a number of inputs of at least 1");
            next.scheme.granularity = Granularity::Group;
            next.scheme.groupSize = size;
        }
        break;
    case ChoiceField::Symmetry:
        if (value != QLatin1String("symmetric") && value != QLatin1String("asymmetric"))
            refuse("symmetry", value, "symmetric or asymmetric");
        next.scheme.symmetric = value == QLatin1String("symmetric");
        break;
    case ChoiceField::ScaleType: {
        const std::optional<DType> type = dtypeFromName(value.toStdString());
        if (type != DType::F16 && type != DType::F32)
            refuse("scale type", value, "F16 or F32");
        next.scheme.scaleType = *type;
        break;
    }
    case ChoiceField::Clip:
        next.scheme.clip = clipOf(value);
        break;
    case ChoiceField::InputBits:
    case ChoiceField::InputExponent:
    case ChoiceField::InputClip:
    case ChoiceField::InputShift:
        editInputs(next.activation, edit.field, value);
        break;
    case ChoiceField::InputQuantizer:
    case ChoiceField::InputRange:
    case ChoiceField::InputGranularity:
    case ChoiceField::SoftmaxQuantizer:
    case ChoiceField::AttentionBits:
    case ChoiceField::SoftmaxBits:
        editUniformInputs(next.activation, edit.field, value);
        break;
    case ChoiceField::Option:
        setOption(next.method, edit.option.toStdString(), value.toStdString());
        break;
    }
    if (const auto problem = next.activation.validate())
        throw Error(ErrorCode::Usage, *problem);
    if (const auto problem = next.scheme.validate())
        throw Error(ErrorCode::Usage, *problem);
    if (const auto problem = validate(next.method))
        throw Error(ErrorCode::Usage, *problem);
    return next;
}

QString fieldValue(const LayerChoice& choice, ChoiceField field)
{
    const Scheme& scheme = choice.scheme;
    switch (field) {
    case ChoiceField::Method:
        return choice.keepFloat ? floatValue : toQString(methodName(choice.method));
    case ChoiceField::Bits:
        return choice.keepFloat ? floatValue : QString::number(scheme.bits);
    case ChoiceField::Group:
        return scheme.granularity == Granularity::Group
                   ? QString::number(scheme.groupSize)
                   : toQString(granularityName(scheme.granularity));
    case ChoiceField::Symmetry:
        return scheme.symmetric ? QStringLiteral("symmetric") : QStringLiteral("asymmetric");
    case ChoiceField::ScaleType:
        return toQString(dtypeName(scheme.scaleType));
    case ChoiceField::Clip:
        return scheme.clip ? clipValue(*scheme.clip) : noClip;
    case ChoiceField::InputBits:
        return choice.activation.enabled() ? QString::number(choice.activation.bits) : floatValue;
    case ChoiceField::InputExponent:
        return toQString(activationExponentName(choice.activation.exponent));
    case ChoiceField::InputClip:
        return choice.activation.clip ? clipped : unclipped;
    case ChoiceField::InputShift:
        return choice.activation.shift ? shifted : unshifted;
    case ChoiceField::InputQuantizer:
        return toQString(activationQuantizerName(choice.activation.quantizer));
    case ChoiceField::InputRange:
        return choice.activation.range ? toQString(inputRangeName(*choice.activation.range))
                                       : ofMethod;
    case ChoiceField::InputGranularity:
        return toQString(inputGranularityName(choice.activation.granularity));
    case ChoiceField::SoftmaxQuantizer:
        return choice.activation.softmax
                   ? toQString(probabilityQuantizerName(*choice.activation.softmax))
                   : ofMethod;
    case ChoiceField::AttentionBits:
        return attentionBitsValue(choice.activation.attentionBits);
    case ChoiceField::SoftmaxBits:
        return attentionBitsValue(choice.activation.probabilityBits);
    case ChoiceField::Option:
        break;
    }
    return {};
}

QString fieldText(const LayerChoice& choice, ChoiceField field)
{
    if (field == ChoiceField::Method)
        return choice.keepFloat ? QCoreApplication::translate("Choice", "Keep float")
                                : methodTitle(choice.method);
    const QString value = fieldValue(choice, field);
    if (field == ChoiceField::Bits)
        return listedText(field, value);
    if (choice.keepFloat || !applies(choice, {field, {}, {}}))
        return QStringLiteral("–");
    switch (field) {
    case ChoiceField::Symmetry:
        return symmetryText(choice);
    case ChoiceField::Group:
    case ChoiceField::InputBits:
    case ChoiceField::InputExponent:
    case ChoiceField::InputClip:
    case ChoiceField::InputShift:
    case ChoiceField::InputQuantizer:
    case ChoiceField::InputRange:
    case ChoiceField::InputGranularity:
    case ChoiceField::SoftmaxQuantizer:
    case ChoiceField::AttentionBits:
    case ChoiceField::SoftmaxBits:
        return listedText(field, value);
    case ChoiceField::Clip:
        return choice.scheme.clip ? limitsText(*choice.scheme.clip) : listedText(field, value);
    case ChoiceField::Method:
    case ChoiceField::Bits:
    case ChoiceField::ScaleType:
    case ChoiceField::Option:
        break;
    }
    return value;
}

const QList<FieldValue>& fieldValues(ChoiceField field)
{
    static const QList<FieldValue> methodValues = [] {
        QList<FieldValue> list;
        for (const MethodDescription& method : methods())
            list.append({toQString(method.name), coreText(method.title)});
        list.append({floatValue, QCoreApplication::translate("Choice", "Keep float")});
        return list;
    }();
    static const QList<FieldValue> bits = [] {
        QList<FieldValue> list;
        for (int b = 2; b <= 8; ++b)
            list.append({QString::number(b), QString::number(b)});
        list.append({floatValue, QCoreApplication::translate("Choice", "float")});
        return list;
    }();
    static const QList<FieldValue> groups = [] {
        QList<FieldValue> list{
            {QStringLiteral("channel"), QCoreApplication::translate("Choice", "channel")},
            {QStringLiteral("tensor"), QCoreApplication::translate("Choice", "tensor")}};
        for (const int size : {32, 64, 128, 256})
            list.append({QString::number(size), QString::number(size)});
        return list;
    }();
    static const QList<FieldValue> symmetries{
        {QStringLiteral("asymmetric"), QCoreApplication::translate("Choice", "asymmetric")},
        {QStringLiteral("symmetric"), QCoreApplication::translate("Choice", "symmetric")}};
    static const QList<FieldValue> scaleTypes{{QStringLiteral("F16"), QStringLiteral("float16")},
                                              {QStringLiteral("F32"), QStringLiteral("float32")}};
    static const QList<FieldValue> clips{{noClip, QCoreApplication::translate("Choice", "none")}};
    static const QList<FieldValue> inputExponents{
        {QStringLiteral("searched"), QCoreApplication::translate("Choice", "searched")},
        {QStringLiteral("shared"), QCoreApplication::translate("Choice", "the weights'")},
        {QStringLiteral("half"), QCoreApplication::translate("Choice", "½")},
        {QStringLiteral("uniform"), QCoreApplication::translate("Choice", "1, uniform")}};
    static const QList<FieldValue> inputClips{
        {clipped, QCoreApplication::translate("Choice", "least error")},
        {unclipped, QCoreApplication::translate("Choice", "largest seen")}};
    static const QList<FieldValue> inputShifts{
        {unshifted, QCoreApplication::translate("Choice", "as they are")},
        {shifted, QCoreApplication::translate("Choice", "moved up")}};
    static const QList<FieldValue> quantizers{
        {ofMethod, QCoreApplication::translate("Choice", "the method's")},
        {QStringLiteral("power"), QCoreApplication::translate("Choice", "power grid")},
        {QStringLiteral("uniform"), QCoreApplication::translate("Choice", "uniform grid")}};
    static const QList<FieldValue> ranges{
        {ofMethod, QCoreApplication::translate("Choice", "the method's")},
        {QStringLiteral("min-max"), QCoreApplication::translate("Choice", "min/max")},
        {QStringLiteral("percentile"), QCoreApplication::translate("Choice", "percentiles")},
        {QStringLiteral("mse"), QCoreApplication::translate("Choice", "least error")}};
    static const QList<FieldValue> granularities{
        {ofMethod, QCoreApplication::translate("Choice", "the method's")},
        {QStringLiteral("tensor"), QCoreApplication::translate("Choice", "tensor")},
        {QStringLiteral("channel"), QCoreApplication::translate("Choice", "channel")}};
    static const QList<FieldValue> softmaxes{
        {ofMethod, QCoreApplication::translate("Choice", "the method's")},
        {QStringLiteral("log-sqrt2"), QCoreApplication::translate("Choice", "log√2")},
        {QStringLiteral("log2"), QCoreApplication::translate("Choice", "log2")},
        {QStringLiteral("uniform"), QCoreApplication::translate("Choice", "uniform grid")}};
    static const QList<FieldValue> attentionBits = [] {
        QList<FieldValue> list{{asInputs, QCoreApplication::translate("Choice", "as inputs")}};
        for (int b = 2; b <= 8; ++b)
            list.append({QString::number(b), QString::number(b)});
        list.append({floatValue, QCoreApplication::translate("Choice", "float")});
        return list;
    }();
    static const QList<FieldValue> none;
    switch (field) {
    case ChoiceField::Method:
        return methodValues;
    case ChoiceField::Bits:
        return bits;
    case ChoiceField::Group:
        return groups;
    case ChoiceField::Symmetry:
        return symmetries;
    case ChoiceField::ScaleType:
        return scaleTypes;
    case ChoiceField::Clip:
        return clips;
    case ChoiceField::InputBits:
        return bits;
    case ChoiceField::InputExponent:
        return inputExponents;
    case ChoiceField::InputClip:
        return inputClips;
    case ChoiceField::InputShift:
        return inputShifts;
    case ChoiceField::InputQuantizer:
        return quantizers;
    case ChoiceField::InputRange:
        return ranges;
    case ChoiceField::InputGranularity:
        return granularities;
    case ChoiceField::SoftmaxQuantizer:
        return softmaxes;
    case ChoiceField::AttentionBits:
    case ChoiceField::SoftmaxBits:
        return attentionBits;
    case ChoiceField::Option:
        break;
    }
    return none;
}

QString clipValue(const ClipLimits& limits)
{
    const auto text = [](float x) {
        std::array<char, 32> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), x).ptr;
        return QString::fromLatin1(digits.data(), static_cast<int>(end - digits.data()));
    };
    return text(limits.low) + QLatin1Char(',') + text(limits.high);
}

QString choiceText(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return QCoreApplication::translate("Choice", "float");
    const Scheme& scheme = choice.scheme;
    const QString group =
        scheme.granularity == Granularity::Group
            ? QCoreApplication::translate("Choice", "group %1").arg(scheme.groupSize)
        : scheme.granularity == Granularity::Tensor
            ? QCoreApplication::translate("Choice", "per tensor")
            : QCoreApplication::translate("Choice", "per channel");
    QString text = QCoreApplication::translate("Choice", "%1, %2 bit, %3, %4")
                       .arg(methodTitle(choice.method))
                       .arg(scheme.bits)
                       .arg(group, symmetryText(choice));
    if (const QString power = powerGridText(choice.method); !power.isEmpty())
        text = QCoreApplication::translate("Choice", "%1, %2").arg(text, power);
    if (scheme.clip)
        text = QCoreApplication::translate("Choice", "%1, clip %2")
                   .arg(text, limitsText(*scheme.clip));
    if (choice.activation.enabled())
        text = (hasUniformInputs(choice)
                    ? QCoreApplication::translate("Choice", "%1, inputs %2 bit uniform")
                    : QCoreApplication::translate("Choice", "%1, inputs %2 bit"))
                   .arg(text)
                   .arg(choice.activation.bits);
    return text;
}

QString editText(const ChoiceEdit& edit)
{
    switch (edit.field) {
    case ChoiceField::Method: {
        const MethodDescription* description = findMethod(edit.value.toStdString());
        return QCoreApplication::translate("Choice", "method %1")
            .arg(description ? coreText(description->title) : edit.value);
    }
    case ChoiceField::Bits:
        return QCoreApplication::translate("Choice", "bits %1").arg(edit.value);
    case ChoiceField::Group:
        return QCoreApplication::translate("Choice", "group %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::Symmetry:
        return listedText(edit.field, edit.value.trimmed());
    case ChoiceField::ScaleType:
        return QCoreApplication::translate("Choice", "scales %1").arg(edit.value);
    case ChoiceField::Clip: {
        const QString value = edit.value.trimmed();
        if (value == noClip)
            return QCoreApplication::translate("Choice", "no clip");
        const auto limits = limitsFrom(value); // a label for an edit that will be refused, too
        return QCoreApplication::translate("Choice", "clip %1")
            .arg(limits ? limitsText(*limits) : value);
    }
    case ChoiceField::InputBits:
        return QCoreApplication::translate("Choice", "inputs %1")
            .arg(edit.value == floatValue
                     ? listedText(edit.field, edit.value)
                     : QCoreApplication::translate("Choice", "%1 bit").arg(edit.value));
    case ChoiceField::InputExponent:
        return QCoreApplication::translate("Choice", "exponent of the inputs %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::InputClip:
        return QCoreApplication::translate("Choice", "limit of the inputs %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::InputShift:
        return QCoreApplication::translate("Choice", "inputs %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::InputQuantizer:
        return QCoreApplication::translate("Choice", "quantizer of the inputs %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::InputRange:
        return QCoreApplication::translate("Choice", "range of the inputs %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::InputGranularity:
        return QCoreApplication::translate("Choice", "granularity of the inputs %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::SoftmaxQuantizer:
        return QCoreApplication::translate("Choice", "softmax %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::AttentionBits:
        return QCoreApplication::translate("Choice", "bits of q, k and v %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::SoftmaxBits:
        return QCoreApplication::translate("Choice", "bits of the softmax %1")
            .arg(listedText(edit.field, edit.value.trimmed()));
    case ChoiceField::Option:
        return QStringLiteral("%1 %2").arg(optionTitle(edit.option.toStdString()).toLower(),
                                           edit.value);
    }
    return {};
}

} // namespace gradus
