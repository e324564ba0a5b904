// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/choice.h"

#include "core/base/error.h"
#include "widgets/text.h"

#include <QRegularExpression>

namespace gradus {

namespace {
const QString floatValue = QStringLiteral("float");

[[noreturn]] void refuse(const char* field, const QString& value, const char* expected)
{
    throw Error(ErrorCode::Usage,
                std::string(field) + " is \"" + value.toStdString() + "\", expected " + expected);
}

QString methodTitle(const MethodOptions& options)
{
    const std::string_view name = methodName(options);
    const MethodDescription* description = findMethod(name);
    return toQString(description ? std::string_view(description->title) : name);
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
        break;
    }
    return !choice.keepFloat;
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
        if (methodName(next.method) != description->name)
            next.method = description->defaults;
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
    case ChoiceField::Option:
        setOption(next.method, edit.option.toStdString(), value.toStdString());
        break;
    }
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
    case ChoiceField::Option:
        break;
    }
    return {};
}

QString fieldText(const LayerChoice& choice, ChoiceField field)
{
    switch (field) {
    case ChoiceField::Method:
        return choice.keepFloat ? QStringLiteral("Keep float") : methodTitle(choice.method);
    case ChoiceField::Bits:
        return fieldValue(choice, field);
    case ChoiceField::Group:
    case ChoiceField::Symmetry:
    case ChoiceField::ScaleType:
    case ChoiceField::Option:
        break;
    }
    return choice.keepFloat ? QStringLiteral("–") : fieldValue(choice, field);
}

const QList<FieldValue>& fieldValues(ChoiceField field)
{
    static const QList<FieldValue> methodValues = [] {
        QList<FieldValue> list;
        for (const MethodDescription& method : methods())
            list.append({toQString(method.name), toQString(method.title)});
        list.append({floatValue, QStringLiteral("Keep float")});
        return list;
    }();
    static const QList<FieldValue> bits = [] {
        QList<FieldValue> list;
        for (int b = 2; b <= 8; ++b)
            list.append({QString::number(b), QString::number(b)});
        list.append({floatValue, floatValue});
        return list;
    }();
    static const QList<FieldValue> groups = [] {
        QList<FieldValue> list{{QStringLiteral("channel"), QStringLiteral("channel")},
                               {QStringLiteral("tensor"), QStringLiteral("tensor")}};
        for (const int size : {32, 64, 128, 256})
            list.append({QString::number(size), QString::number(size)});
        return list;
    }();
    static const QList<FieldValue> symmetries{
        {QStringLiteral("asymmetric"), QStringLiteral("asymmetric")},
        {QStringLiteral("symmetric"), QStringLiteral("symmetric")}};
    static const QList<FieldValue> scaleTypes{{QStringLiteral("F16"), QStringLiteral("float16")},
                                              {QStringLiteral("F32"), QStringLiteral("float32")}};
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
    case ChoiceField::Option:
        break;
    }
    return none;
}

QString choiceText(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return floatValue;
    const Scheme& scheme = choice.scheme;
    const QString group =
        scheme.granularity == Granularity::Group
            ? QStringLiteral("group %1").arg(scheme.groupSize)
            : QStringLiteral("per %1").arg(toQString(granularityName(scheme.granularity)));
    return QStringLiteral("%1, %2 bit, %3, %4")
        .arg(methodTitle(choice.method))
        .arg(scheme.bits)
        .arg(group, fieldValue(choice, ChoiceField::Symmetry));
}

QString editText(const ChoiceEdit& edit)
{
    switch (edit.field) {
    case ChoiceField::Method: {
        const MethodDescription* description = findMethod(edit.value.toStdString());
        return QStringLiteral("method %1")
            .arg(description ? toQString(description->title) : edit.value);
    }
    case ChoiceField::Bits:
        return QStringLiteral("bits %1").arg(edit.value);
    case ChoiceField::Group:
        return QStringLiteral("group %1").arg(edit.value);
    case ChoiceField::Symmetry:
        return edit.value;
    case ChoiceField::ScaleType:
        return QStringLiteral("scales %1").arg(edit.value);
    case ChoiceField::Option:
        return QStringLiteral("%1 %2").arg(optionTitle(edit.option.toStdString()).toLower(),
                                           edit.value);
    }
    return {};
}

QString optionTitle(const std::string& name)
{
    QString title = toQString(name);
    title.replace(QLatin1Char('_'), QLatin1Char(' '));
    if (!title.isEmpty())
        title[0] = title[0].toUpper();
    title.replace(
        QRegularExpression(QStringLiteral("\\bmse\\b"), QRegularExpression::CaseInsensitiveOption),
        QStringLiteral("MSE"));
    return title;
}

} // namespace gradus
